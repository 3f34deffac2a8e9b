// The picture as elements: buttons placed by arithmetic, one SVG for wires, colours of the theme.
const EXPERTS = new Set(["expert", "cell", "shared"]),
  ROWS = new Set(["row", "open"]);
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");

function painting(ui) {
  let stops = [];
  ui.colours = () => {
    const kinds = palette(ui.root);
    Object.entries({ attention: 0, expert: 2, router: 4, shared: 7 }).forEach(([name, i]) =>
      ui.root.style.setProperty(`--${name}`, kinds[i]),
    );
    stops = palette(ui.root, "sequential");
  };
  ui.ramp = () => `linear-gradient(90deg, ${stops.join()})`;

  ui.paint = () => {
    const { picture } = ui.data,
      { nodes, boxes } = ui,
      gone = new Set(nodes.keys());
    for (const box of picture.boxes) {
      gone.delete(box.id);
      const tag = box.target ? "BUTTON" : "DIV";
      let node = nodes.get(box.id);
      if (node && node.tagName !== tag) {
        node.remove();
        node = null;
      }
      if (!node) {
        node = h(tag.toLowerCase(), { type: box.target ? "button" : null });
        nodes.set(box.id, node);
        boxes.append(node);
      }
      dress(node, box);
    }
    gone.forEach((id) => {
      nodes.get(id).remove();
      nodes.delete(id);
    });
    // Reading order is the order of the picture; moving the focused element would lose the focus.
    const order = picture.boxes.map((box) => nodes.get(box.id));
    if (order.some((node, i) => boxes.children[i] !== node)) {
      const focused = ui.focused();
      boxes.append(...order);
      if (boxes.contains(focused)) focused.focus({ preventScroll: true });
    }
    ui.wires.setAttribute("width", picture.width);
    ui.wires.setAttribute("height", picture.height);
    ui.wires.replaceChildren(
      ...picture.wires.map((wire) => s("path", { class: wire.kind, d: wire.d })),
      ...picture.labels.map((label) =>
        s("text", { x: label.x, y: label.y, "text-anchor": label.anchor }, label.text),
      ),
    );
    ui.over.replaceChildren();
    empty(picture);
    ui.mark();
    ui.hoping();
  };

  function dress(node, box) {
    node.box = box;
    node.className = `box ${box.kind} k-${box.glyph || box.kind}${box.target ? " part" : ""}`;
    Object.assign(node.style, {
      left: `${box.x}px`,
      top: `${box.y}px`,
      width: `${box.w}px`,
      height: `${box.h}px`,
      translate: "",
    });
    if (box.folds) node.setAttribute("aria-expanded", String(box.folds === "open"));
    else node.removeAttribute("aria-expanded");
    colour(node, box);
    const text = JSON.stringify(box);
    if (node.text === text) return;
    node.text = text;
    node.title =
      EXPERTS.has(box.kind) || box.kind === "count"
        ? [box.said, box.dead ? "no token" : box.heat_text].filter(Boolean).join(", ")
        : "";
    node.replaceChildren(...inside(box).filter(Boolean));
    if (box.target) node.onclick = (event) => clicked(node.box, event);
  }

  function inside(box) {
    const said = box.said ? h("span", { class: "sr" }, ` ${box.said}`) : null;
    const sign =
      box.mark && box.kind !== "problem"
        ? h("span", { class: `sign ${box.mark}` }, glyph(box.mark, 12))
        : null;
    const hot = box.heat_text && EXPERTS.has(box.kind),
      words = hot && box.kind !== "cell" ? box.heat_text : box.note;
    const name = h("span", { class: "name" }, box.title),
      note = words ? h("span", { class: "note" }, words) : null;
    const chip = box.chip ? h("span", { class: "k" }, box.chip) : null;
    switch (box.kind) {
      case "panel":
        return [];
      case "row":
      case "open":
        return [
          glyph(box.glyph),
          name,
          fork(box) || h("span", { class: "nofork" }),
          note || h("span"),
          columns(box),
          sign,
          said,
        ];
      case "expert":
      case "cell":
      case "shared":
        return [
          box.fill !== undefined
            ? h("span", {
                class: box.fill < box.w - 1 ? "fill short" : "fill",
                css: { width: `${box.fill}px` },
              })
            : null,
          name,
          note,
          sign,
          said,
          box.scale
            ? h("span", {
                class: "grip",
                css: { left: `${(box.fill ?? box.w) - Math.min(9, box.w * 0.4)}px` },
              })
            : null,
        ];
      case "problem":
        return [
          glyph(box.glyph, 15),
          h("span", { class: "text", title: box.title }, box.title),
          ...(box.fixes || []).map((fix) =>
            h(
              "button",
              { type: "button", class: "fix", tabindex: -1, onclick: () => ui.mend(fix) },
              fix.label,
            ),
          ),
        ];
      case "count":
        return [glyph(box.by < 0 ? "minus" : "plus", 12), h("span", { class: "sr" }, box.title, said)];
      case "swarm":
        return [
          box.cells > 64 && box.cells % 32
            ? h("i", { class: "rest", css: { left: `${(100 * (box.cells % 32)) / 32}%` } })
            : null,
          name,
          note,
          sign,
          said,
        ];
      case "repeat":
        return [name, note, sign, said];
      default:
        return [glyph(box.glyph), name, note, chip, sign, said];
    }
  }
  function columns(box) {
    const share = `${(100 * (box.share || 0)).toFixed(1)}\u2009% of the active parameters`;
    return h(
      "span",
      { class: "columns", "aria-hidden": "true" },
      ...(box.figures || []).map((figure) => h("span", {}, figure)),
      h(
        "span",
        { class: "bar", title: share },
        h("i", { css: { width: `${Math.max(2, 100 * (box.share || 0))}%` } }),
      ),
    );
  }
  function fork(box) {
    if (!box.folds) return null;
    const sign = h("span", { class: "fork" }, glyph(box.folds, 14));
    sign.onclick = (event) => {
      event.stopPropagation();
      ui.fold(box);
    };
    return sign;
  }
  function clicked(box, event) {
    if (box.kind === "count") {
      ui.count(box);
      return;
    }
    if (event.ctrlKey || event.metaKey) ui.toggle(box);
    else if (event.shiftKey) ui.range(box);
    else ui.choose(box);
    ui.stop(box);
    ui.node(box).focus({ preventScroll: true });
  }

  // Heat recolours fills; place, text and order stay.
  function colour(node, box) {
    const hot = box.heat !== undefined && box.heat !== null && ui.data.heat,
      tone = hot ? tint(stops, box.heat) : null;
    node.classList.toggle("hot", Boolean(hot));
    node.classList.toggle("dead", Boolean(hot && box.dead));
    node.style.setProperty("--hot", tone ? tone.fill : "");
    node.style.setProperty("--on", tone ? tone.ink : "");
  }

  function empty(picture) {
    const blank = !picture.boxes.some((box) => box.target?.startsWith("/stacks/"));
    ui.world.querySelector(".empty")?.remove();
    if (!blank) return;
    const ways = ui.data.palette
      .flatMap((group) => group.items)
      .filter((item) => item.type === "add" && ["attention", "moe", "layer"].includes(item.what));
    ui.world.append(
      h(
        "div",
        {
          class: "empty",
          css: { top: `${picture.height + 14}px`, width: `${picture.width + ui.data.gutter}px` },
        },
        h("p", {}, "Or start with"),
        ways.map((item) =>
          h("button", { type: "button", class: "fix", onclick: () => ui.add(item) }, item.name),
        ),
      ),
    );
  }
}

/** The colour at `share` of a scale of hex stops, and the ink of black and white that stands out more. */
function tint(stops, share) {
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1),
    i = Math.min(Math.floor(at), stops.length - 2);
  const [low, high] = [stops[i], stops[i + 1]].map((hex) =>
    [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16)),
  );
  const rgb = low.map((value, n) => Math.round(value + (high[n] - value) * (at - i)));
  const [r, g, b] = rgb.map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  );
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return {
    fill: `rgb(${rgb.join(" ")})`,
    ink: (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) ? "black" : "white",
  };
}
