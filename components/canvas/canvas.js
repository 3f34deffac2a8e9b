// Paints the picture that Python laid out, and says what the hand did.
// Python owns the design. Every act is an operation in an outbox that is kept until Python has acknowledged its
// number: component state is replayed and trigger values get lost, numbers do not.
const LIVE = new WeakMap();
const LETTERS = { a: "attention", f: "dense", m: "moe", e: "expert_group", s: "shared_expert" };
const CHOSEN_AFTER = 140; // ms an arrow key rests on a part before the inspector follows
const ZOOMS = [0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5];

export default function (component) {
  const { parentElement } = component;
  let view = LIVE.get(parentElement);
  if (!view) LIVE.set(parentElement, (view = mount(parentElement)));
  view.receive(component);
  return () => { view.dispose(); LIVE.delete(parentElement); };
}

function mount(parent) {
  const find = (selector) => parent.querySelector(selector);
  const root = find(".canvas"), stage = find(".stage"), world = find(".world"), wires = find(".wires");
  const side = find(".palette"), tools = find(".tools"), live = find(".live");
  const client = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  const nodes = new Map();
  const me = { seq: 0, outbox: [], send: null, data: null, selected: null, focus: null, zoom: 0, timer: 0, column: 0 };

  // ---- what the hand did
  function emit(type, values = {}) {
    me.outbox.push({ seq: ++me.seq, type, ...values });
    me.send("outbox", { client, ops: [...me.outbox] });
  }
  function choose(target, wait = 0) {
    me.selected = target; mark();
    clearTimeout(me.timer);
    const tell = () => { if (target !== me.data.selected || me.outbox.length) emit("select", { target }); };
    if (wait) me.timer = setTimeout(tell, wait); else tell();
  }
  function fold(box) { emit("fold", { target: box.target, open: box.folds === "closed" }); }

  // ---- what Python says
  function receive({ data, setStateValue }) {
    me.send = setStateValue; me.data = data;
    if (data.ack?.client === client) me.outbox = me.outbox.filter((op) => op.seq > data.ack.seq);
    const said = [...me.outbox].reverse().find((op) => op.type === "select");
    me.selected = said ? said.target : data.selected;
    const kinds = palette(root);
    root.style.setProperty("--expert", kinds[2]); root.style.setProperty("--shared", kinds[7]);
    root.style.setProperty("--attention", kinds[0]); root.style.setProperty("--router", kinds[4]);
    if (!side.childElementCount) parts(data.palette);
    paint(); toolbar(); scale(); measure();
    if (data.said && data.said !== live.textContent) live.textContent = data.said;
  }

  function parts(groups) {
    for (const group of groups) {
      side.append(h("h3", {}, group.title), ...group.items.map((item) => h("button",
        { type: "button", class: `item k-${item.glyph}`, title: item.help, onclick: () => emit("add", { what: item.what }) },
        glyph(item.glyph), h("span", {}, item.name), item.key ? h("kbd", {}, item.key) : null)));
    }
    rove(side, [...side.querySelectorAll("button")]);
  }

  function toolbar() {
    const button = (label, name, act) => h("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick: act }, glyph(name, 14));
    const chip = me.data.problems && h("span", { class: `chip ${me.data.problems.worst}` }, glyph(me.data.problems.worst, 14), me.data.problems.text);
    if (!tools.childElementCount) {
      tools.append(h("span", { class: "hint" }), h("span", { class: "grow" }), h("span", { class: "chips" }),
        button("Zoom out", "minus", () => step(-1)), h("span", { class: "zoom dim" }), button("Zoom in", "plus", () => step(1)),
        button("Fit the width", "fit", () => { me.zoom = 0; scale(); }));
      rove(tools, [...tools.querySelectorAll("button")]);
    }
    tools.querySelector(".hint").textContent = me.data.hint;
    tools.querySelector(".chips").replaceChildren(...(chip ? [chip] : []));
  }
  function step(by) {
    const now = current(), next = by > 0 ? ZOOMS.find((z) => z > now + 0.01) : ZOOMS.findLast((z) => z < now - 0.01);
    if (next) { me.zoom = next; scale(); }
  }

  // ---- painting
  function paint() {
    const { picture } = me.data, gone = new Set(nodes.keys());
    picture.boxes.forEach((box) => {
      gone.delete(box.id);
      let node = nodes.get(box.id);
      const tag = box.target ? "BUTTON" : "DIV";
      if (node && node.tagName !== tag) { node.remove(); node = null; }
      if (!node) { node = h(tag.toLowerCase(), { type: box.target ? "button" : null }); nodes.set(box.id, node); world.append(node); }
      dress(node, box);
    });
    gone.forEach((id) => { nodes.get(id).remove(); nodes.delete(id); });
    // Reading order is the order of the picture; moving the focused element would lose the focus.
    const order = picture.boxes.map((box) => nodes.get(box.id));
    if (order.some((node, i) => world.children[i + 1] !== node)) {
      const focused = parent.activeElement ?? root.getRootNode().activeElement;
      order.forEach((node) => world.append(node));
      if (focused?.isConnected && world.contains(focused)) focused.focus({ preventScroll: true });
    }
    wires.setAttribute("width", picture.width); wires.setAttribute("height", picture.height);
    wires.replaceChildren(...picture.wires.map((wire) => s("path", { class: wire.kind, d: wire.d })),
      ...picture.labels.map((label) => s("text", { x: label.x, y: label.y, "text-anchor": label.anchor }, label.text)));
    mark();
  }

  function dress(node, box) {
    node.box = box;
    node.className = `box ${box.kind} k-${box.glyph || box.kind}`;
    Object.assign(node.style, { left: `${box.x}px`, top: `${box.y}px`, width: `${box.w}px`, height: `${box.h}px` });
    if (box.target) node.tabIndex = -1;
    if (box.folds) node.setAttribute("aria-expanded", String(box.folds === "open")); else node.removeAttribute("aria-expanded");
    const text = JSON.stringify([box, me.data.tips]);
    if (node.text === text) return;
    node.text = text;
    node.title = box.kind === "expert" || box.kind === "cell" || box.kind === "shared" ? box.said : "";
    node.replaceChildren(...inside(box).filter(Boolean));
    if (box.target) { node.onclick = () => clicked(node.box); }
  }

  function inside(box) {
    const said = box.said ? h("span", { class: "sr" }, ` ${box.said}`) : null;
    const sign = box.mark && box.kind !== "problem" ? h("span", { class: `sign ${box.mark}` }, glyph(box.mark, 12)) : null;
    const name = h("span", { class: "name" }, box.title), note = box.note ? h("span", { class: "note" }, box.note) : null;
    const chip = box.chip ? h("span", { class: "k" }, box.chip) : null;
    switch (box.kind) {
      case "panel": return [];
      case "row": case "open": return [glyph(box.glyph), name, fork(box) || h("span", { class: "nofork" }), note || h("span"), columns(box), sign, said];
      case "expert": case "cell": case "shared":
        return [box.fill !== undefined ? h("span", { class: "fill", css: { width: `${box.fill}px` } }) : null, name, note, sign, said];
      case "problem": return [glyph(box.glyph, 15), h("span", { class: "text", title: box.title }, box.title),
        ...(box.fixes || []).map((fix) => h("button", { type: "button", class: "fix", onclick: () => emit("edit", { edit: fix.edit }) }, fix.label))];
      case "repeat": case "swarm": return [name, note, sign, said];
      default: return [glyph(box.glyph), name, note, chip, sign, said];
    }
  }
  function columns(box) {
    const share = `${(100 * (box.share || 0)).toFixed(1)}\u2009% of the active parameters`;
    return h("span", { class: "columns", "aria-hidden": "true" }, ...(box.figures || []).map((figure) => h("span", {}, figure)),
      h("span", { class: "bar", title: share }, h("i", { css: { width: `${Math.max(2, 100 * (box.share || 0))}%` } })));
  }
  function fork(box) {
    if (!box.folds) return null;
    const sign = h("span", { class: "fork" }, glyph(box.folds, 14));
    sign.onclick = (event) => { event.stopPropagation(); fold(box); };
    return sign;
  }
  function clicked(box) {
    me.focus = box.id;
    choose(box.target);
    nodes.get(box.id).focus({ preventScroll: true });
  }
  function mark() {
    const boxes = me.data.picture.boxes.filter((box) => box.target);
    const chosen = boxes.find((box) => box.id === me.focus && box.target === me.selected) || boxes.find((box) => box.target === me.selected);
    const stop = chosen || boxes[0];
    boxes.forEach((box) => {
      const node = nodes.get(box.id), on = box.target === me.selected;
      node.classList.toggle("chosen", on && box.id === chosen.id); node.classList.toggle("kin", on && box.id !== chosen.id);
      node.setAttribute("aria-pressed", String(on)); node.tabIndex = box === stop ? 0 : -1;
    });
  }

  // ---- keys
  function go(event) {
    const node = event.target.closest(".box"); if (!node?.box) return;
    const here = node.box, boxes = me.data.picture.boxes.filter((box) => box.target && box.kind !== "repeat");
    const middle = (box) => box.x + box.w / 2;
    const nearest = (line) => boxes.filter((box) => box.line === line).sort((a, b) => Math.abs(middle(a) - middle(here)) - Math.abs(middle(b) - middle(here)))[0];
    const lines = [...new Set(boxes.map((box) => box.line))].sort((a, b) => a - b), at = lines.indexOf(here.line);
    const mates = boxes.filter((box) => box.line === here.line), place = mates.findIndex((box) => box.id === here.id);
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let to = null;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z") emit(event.shiftKey ? "redo" : "undo"); else if (key === "y") emit("redo");
      else if (key === "d") emit("duplicate", { target: here.target }); else return;
    } else if (event.altKey) {
      if (key === "ArrowUp" || key === "ArrowDown") emit("move", { target: here.target, by: key === "ArrowUp" ? -1 : 1 }); else return;
    } else if (key === "ArrowDown" || key === "ArrowUp") {
      const next = lines[at + (key === "ArrowDown" ? 1 : -1)]; to = next === undefined ? null : nearest(next);
    } else if (key === "ArrowRight") {
      if (here.folds === "closed") fold(here); else to = mates[place + 1];
    } else if (key === "ArrowLeft") {
      if (here.folds === "open") fold(here); else to = mates[place - 1];
    } else if (key === "Home") to = boxes[0]; else if (key === "End") to = boxes[boxes.length - 1];
    else if (key === "Enter" || key === " ") { if (here.folds && key === "Enter") fold(here); choose(here.target); }
    else if (key === "Delete" || key === "Backspace") emit("delete", { target: here.target });
    else if (key === "+" || key === "=") step(1); else if (key === "-") step(-1); else if (key === "0") { me.zoom = 0; scale(); }
    else if (LETTERS[key] && !event.shiftKey) { choose(here.target); emit("add", { what: LETTERS[key] }); }
    else return;
    event.preventDefault(); event.stopPropagation();
    if (to) { me.focus = to.id; nodes.get(to.id).focus(); choose(to.target, CHOSEN_AFTER); }
  }
  world.addEventListener("keydown", go);

  // One tab stop for a toolbar, arrows inside.
  function rove(bar, buttons) {
    const back = bar.getAttribute("aria-orientation") === "vertical" ? "ArrowUp" : "ArrowLeft", on = back === "ArrowUp" ? "ArrowDown" : "ArrowRight";
    buttons.forEach((button, i) => { button.tabIndex = i ? -1 : 0; });
    bar.addEventListener("keydown", (event) => {
      const by = event.key === on ? 1 : event.key === back ? -1 : 0, i = buttons.indexOf(event.target);
      if (!by || i < 0) return;
      event.preventDefault();
      const next = buttons[(i + by + buttons.length) % buttons.length];
      buttons.forEach((button) => { button.tabIndex = button === next ? 0 : -1; }); next.focus();
    });
  }

  // ---- size
  const fit = () => Math.max(0.8, Math.min(1.18, (stage.clientWidth - 20) / me.data.picture.width));
  const current = () => me.zoom || fit();
  function scale() {
    if (!me.data || !stage.clientWidth) return;
    const k = current(), { width, height } = me.data.picture;
    const left = Math.max(4, (stage.clientWidth - width * k) / 2 - 18), top = Math.max(6, Math.min(18, (stage.clientHeight - height * k) / 2));
    world.style.transform = `translate(${left}px, ${top}px) scale(${k})`;
    const room = stage.querySelector(".room");
    room.style.width = `${left + width * k}px`; room.style.height = `${top + height * k + 10}px`;
    tools.querySelector(".zoom").textContent = `${Math.round(100 * k)}\u2009%`;
  }
  function measure() {
    const room = stage.clientWidth - 20 - me.data.gutter;
    const fitting = me.data.columns.filter((column) => column <= room * 1.12).pop() ?? me.data.columns[0];
    if (stage.clientWidth && fitting !== me.data.column && fitting !== me.column) { me.column = fitting; emit("column", { width: fitting }); }
  }
  const watch = new ResizeObserver(() => { if (me.data) { scale(); measure(); } });
  watch.observe(stage);
  return { receive, dispose() { watch.disconnect(); clearTimeout(me.timer); } };
}
