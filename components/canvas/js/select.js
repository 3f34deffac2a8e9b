// What is chosen: one target that Python and the inspector know, and a set of boxes that only acts here use.
const RESTS = 140; // ms an arrow key rests on a part before the inspector follows

function selecting(ui) {
  let timer = 0,
    last = null,
    spot = null,
    meant = null;
  ui.picked = new Set();
  ui.selected = "";
  ui.forget = () => clearTimeout(timer);
  ui.box = (id) => ui.data.picture.boxes.find((box) => box.id === id);
  ui.choosable = () => ui.data.picture.boxes.filter((box) => box.target && box.kind !== "count");
  ui.node = (box) => ui.nodes.get(box.id);
  ui.here = () => ui.focused()?.closest?.(".box.part")?.box || ui.primary();
  ui.primary = () => {
    const alike = ui.choosable().filter((box) => box.target === ui.selected);
    return (
      alike.find((box) => box.id === last) || alike.find((box) => box.number === spot?.number) || alike[0]
    );
  };
  /** The boxes that an act is about. */
  ui.subjects = () => {
    const boxes = ui.picked.size
      ? ui.choosable().filter((box) => ui.picked.has(box.id))
      : [ui.here()].filter(Boolean);
    return boxes.filter((box) => !boxes.some((other) => box.target.startsWith(`${other.target}/`)));
  };
  ui.targets = () => [...new Set(ui.subjects().map((box) => box.target))];

  ui.choose = (box, wait = 0) => {
    ui.picked.clear();
    keep(box);
    ui.selected = box.target;
    ui.mark();
    clearTimeout(timer);
    if (ui.shifting()) meant = box;
    const tell = () =>
      ui.act(() => {
        const now = ui.fresh(box);
        meant = null;
        if (now && (!wait || now.target !== ui.data.selected)) {
          ui.selected = now.target;
          ui.emit("select", { target: now.target });
        }
      });
    if (wait && !meant) timer = setTimeout(tell, wait);
    else tell();
  };
  /** The box as the present picture has it: while an act was under way its place may have become another one. */
  ui.fresh = (box) => {
    const alike = ui.data.picture.boxes.filter((other) =>
      ["kind", "title", "note", "number"].every((key) => other[key] === box[key]),
    );
    return (
      alike.find((other) => other.id === box.id) ||
      alike.sort((a, b) => Math.abs(a.y - box.y) - Math.abs(b.y - box.y))[0]
    );
  };
  /** After a redraw: what was chosen since the acts that it shows. */
  ui.follow = (before) => {
    const now = meant && ui.fresh(meant);
    if (now) {
      ui.selected = now.target;
      keep(now);
    }
    ui.picked = new Set(before.map((box) => box && ui.fresh(box)?.id).filter(Boolean));
  };
  ui.pickedBoxes = () => [...ui.picked].map(ui.box);
  ui.toggle = (box) => {
    const before = ui.primary();
    if (!ui.picked.size && before && before !== box) ui.picked.add(before.id);
    if (!ui.picked.delete(box.id)) ui.picked.add(box.id);
    keep(box);
    count();
  };
  ui.range = (box) => {
    const like = [ROWS, EXPERTS].find((kinds) => kinds.has(box.kind)) || new Set([box.kind]),
      all = ui.choosable().filter((other) => like.has(other.kind)),
      from = all.findIndex((other) => other.id === last),
      to = all.indexOf(box);
    const [a, z] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
    ui.picked = new Set(all.slice(a, z + 1).map((other) => other.id));
    count();
  };
  ui.pick = (boxes) => {
    ui.picked = new Set(boxes.map((box) => box.id));
    if (boxes.length) keep(boxes[0]);
    count();
  };
  ui.clear = () => {
    ui.picked.clear();
    ui.mark();
  };
  const count = () => {
    ui.mark();
    ui.say(`${ui.picked.size} selected.`);
  };
  const keep = (box) => {
    last = box.id;
    spot = box;
  };

  ui.focus = (box) => {
    keep(box);
    ui.stop(box);
    ui.node(box).focus();
  };
  /** The one box that Tab leads to. */
  ui.stop = (box) =>
    ui.nodes.forEach((node) => {
      if (node.box.target) node.tabIndex = node.box === box ? 0 : -1;
    });
  ui.mark = () => {
    const primary = ui.primary(),
      boxes = ui.choosable();
    for (const box of boxes) {
      const node = ui.node(box),
        on = ui.picked.size ? ui.picked.has(box.id) : box.target === ui.selected;
      node.classList.toggle("chosen", ui.picked.size ? on : box === primary);
      node.classList.toggle("kin", !ui.picked.size && on && box !== primary);
      node.setAttribute("aria-pressed", String(on));
    }
    const held = ui.focused()?.closest?.(".box.part")?.box;
    ui.stop(held || primary || boxes[0]);
  };
  /** After an act took away or moved what had the focus: to what Python selected, else to the neighbour. */
  ui.refocus = (seen = true) => {
    let box = ui.primary();
    if (!box && spot) {
      const far = (other) => Math.abs(other.y - spot.y) + 0.2 * Math.abs(other.x - spot.x);
      box = ui
        .choosable()
        .filter((other) => other.kind !== "repeat")
        .sort((a, b) => far(a) - far(b))[0];
      if (box) ui.choose(box, RESTS);
    }
    box ||= ui.choosable().find((other) => other.kind !== "repeat");
    if (box) {
      keep(box);
      ui.stop(box);
      ui.node(box).focus({ preventScroll: true, ...(seen ? {} : { focusVisible: false }) });
      if (seen) ui.node(box).scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  };
}
