// Keys. Single letters act only with the focus in the canvas: Streamlit has its own outside.

function keying(ui) {
  const anywhere = {
    "Ctrl+z": () => ui.history("undo"),
    "Ctrl+Shift+z": () => ui.history("redo"),
    "Ctrl+y": () => ui.history("redo"),
    "Ctrl+d": () => ui.onTargets("duplicate"),
    "Ctrl+k": () => ui.find(),
    "/": () => ui.find(),
    "?": () => ui.keys(),
    "+": () => ui.step(1),
    "=": () => ui.step(1),
    "-": () => ui.step(-1),
    0: () => ui.zoom(0),
    h: () => ui.nextHeat(),
    F8: () => ui.nextProblem(1),
    "Shift+F8": () => ui.nextProblem(-1),
    "[": () => ui.repeat(-1),
    "]": () => ui.repeat(1),
    Delete: () => ui.remove(),
    Backspace: () => ui.remove(),
    Escape: () => ui.clear(),
    "Alt+ArrowUp": () => ui.onTargets("move", { by: -1 }),
    "Alt+ArrowDown": () => ui.onTargets("move", { by: 1 }),
    "Shift+ArrowRight": () => ui.widen(1),
    "Shift+ArrowLeft": () => ui.widen(-1),
    "Alt+Shift+ArrowRight": () => ui.widen(1, true),
    "Alt+Shift+ArrowLeft": () => ui.widen(-1, true),
    i: () => ui.inspect(),
  };
  /** Adding by letter: the list of parts says which. */
  const adds = (name) => {
    const item = ui.data.palette
      .flatMap((group) => group.items)
      .find(({ key }) => key && key.toLowerCase() === name);
    return item && (() => ui.add(item));
  };
  const onBox = {
    ArrowDown: (box) => to(line(box, 1)),
    ArrowUp: (box) => to(line(box, -1)),
    "Shift+ArrowDown": (box) => extend(line(box, 1), box),
    "Shift+ArrowUp": (box) => extend(line(box, -1), box),
    ArrowRight: (box) => (box.folds === "closed" ? ui.fold(box) : to(beside(box, 1))),
    ArrowLeft: (box) => (box.folds === "open" ? ui.fold(box) : to(beside(box, -1))),
    Home: () => to(walkable()[0]),
    End: () => to(walkable().at(-1)),
    Enter: (box) => {
      if (box.kind === "count") {
        ui.count(box);
        return;
      }
      if (box.folds) ui.fold(box);
      ui.choose(box);
      if (!box.folds) ui.inspect();
    },
    " ": (box) => (box.kind === "count" ? ui.count(box) : ui.toggle(box)),
  };

  ui.root.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.target.closest("dialog, .menu")) return;
    const box = event.target.closest(".box.part")?.box,
      name = combo(event);
    const run =
      (box && onBox[name]) || (name !== "Escape" || ui.picked.size ? anywhere[name] || adds(name) : null);
    if (!run) return;
    event.preventDefault();
    event.stopPropagation();
    run(box);
  });

  function combo(event) {
    const letter = event.key.length === 1,
      key = letter ? event.key.toLowerCase() : event.key,
      alt = event.getModifierState("AltGraph");
    const shift = event.shiftKey && (!letter || key !== event.key.toUpperCase());
    return [
      (event.ctrlKey || event.metaKey) && !alt && "Ctrl+",
      event.altKey && !alt && "Alt+",
      shift && "Shift+",
      key,
    ]
      .filter(Boolean)
      .join("");
  }

  // ---- walking: up and down by line, sideways along it, the bracket of a repeat at the left end
  const middle = (box) => box.x + box.w / 2;
  const walkable = () => ui.data.picture.boxes.filter((box) => box.target && box.kind !== "repeat");
  const brackets = () =>
    ui.data.picture.boxes.filter((box) => box.kind === "repeat").sort((a, b) => a.y - b.y);
  const nearest = (boxes, here) =>
    boxes.sort((a, b) => Math.abs(middle(a) - middle(here)) - Math.abs(middle(b) - middle(here)))[0];
  function line(here, by) {
    if (here.kind === "repeat") return brackets()[brackets().findIndex((box) => box.id === here.id) + by];
    const boxes = walkable(),
      tops = [...new Set(boxes.filter((box) => box.line === here.line).map((box) => box.y))].sort(
        (a, b) => a - b,
      );
    // Experts of one line may stand in several rows: the picture's own line is one for all of them.
    const row = tops[tops.indexOf(here.y) + by];
    if (EXPERTS.has(here.kind) && row !== undefined)
      return nearest(
        boxes.filter((box) => box.line === here.line && box.y === row),
        here,
      );
    const lines = [...new Set(boxes.map((box) => box.line))].sort((a, b) => a - b),
      next = lines[lines.indexOf(here.line) + by];
    const found = boxes.filter((box) => box.line === next),
      edge = by > 0 ? Math.min(...found.map((box) => box.y)) : Math.max(...found.map((box) => box.y));
    return nearest(
      found.filter((box) => box.y === edge),
      here,
    );
  }
  function beside(here, by) {
    if (here.kind === "repeat")
      return by > 0 ? walkable().find((box) => box.target.startsWith(`${here.target}/`)) : undefined;
    const mates = walkable().filter((box) => box.line === here.line),
      next = mates[mates.findIndex((box) => box.id === here.id) + by];
    return next || (by < 0 ? brackets().find((box) => here.target.startsWith(`${box.target}/`)) : undefined);
  }
  function to(box) {
    if (!box) return;
    ui.focus(box);
    if (!ui.picked.size && box.kind !== "count") ui.choose(box, RESTS);
  }
  function extend(box, from) {
    if (!box) return;
    if (!ui.picked.size) ui.picked.add(from.id);
    ui.picked.add(box.id);
    ui.focus(box);
    ui.pick(ui.choosable().filter((other) => ui.picked.has(other.id)));
    ui.focus(box);
  }
}

/** One tab stop for a bar of buttons, arrows inside. */
function rove(bar, down = false) {
  const [back, on] = down ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const buttons = () =>
    [...bar.querySelectorAll("button:not([disabled])")].filter(
      (button) => button.offsetParent && !button.closest(".menu"),
    );
  const only = (one) =>
    bar.querySelectorAll("button").forEach((button) => {
      if (!button.closest(".menu")) button.tabIndex = button === one ? 0 : -1;
    });
  bar.addEventListener("keydown", (event) => {
    const all = buttons(),
      i = all.indexOf(event.target),
      by = event.key === on ? 1 : event.key === back ? -1 : 0;
    const next = by
      ? all[(i + by + all.length) % all.length]
      : event.key === "Home"
        ? all[0]
        : event.key === "End"
          ? all.at(-1)
          : null;
    if (!next || i < 0) return;
    event.preventDefault();
    event.stopPropagation();
    next.focus();
  });
  bar.addEventListener("focusin", (event) => {
    if (buttons().includes(event.target)) only(event.target);
  });
  return () => {
    const all = buttons();
    if (!all.some((button) => button.tabIndex === 0)) only(all[0]);
  };
}
