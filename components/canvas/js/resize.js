// The width of an expert by its right edge or by keys. Python makes the edit; here only its picture is stretched.
const HIT = 24; // no box gets narrower than a pointer can hit
const moeOf = (target) => target.split("/body/")[0];
/** A sixteenth of the power of two at or below `width`: 32 from 512, 64 from 1024. */
const snapOf = (width) => Math.max(1, 2 ** Math.floor(Math.log2(Math.max(1, width))) / 16);

function resizing(ui) {
  // Widths that keys asked for while an act was under way, by MoE layer and expert.
  const wishes = new Map();
  ui.widths = new Map(); // told, not yet drawn

  ui.stretch = (press, box) => {
    if (!box.scale) return;
    const snap = snapOf(box.inner),
      tip = h("div", { class: "tip" });
    let width = box.inner,
      alone = true;
    ui.track(press, {
      scrolls: false,
      begin: () => {
        ui.root.classList.add("stretching");
        ui.root.append(tip);
      },
      move: (event) => {
        const raw = box.inner + (event.clientX - press.clientX) / (ui.k() * box.scale),
          step = event.altKey ? 1 : snap;
        width = Math.max(step, Math.round(raw / step) * step);
        alone = !event.shiftKey;
        if (Math.abs(raw - box.inner) < step / 2) width = box.inner;
        preview(box, width, alone);
        const r = ui.root.getBoundingClientRect();
        tip.style.translate = `${event.clientX - r.left + 12}px ${event.clientY - r.top - 34}px`;
        tip.textContent = `${alone ? name(box) : "Whole group"}: ${grouped(width)}`;
      },
      drop: () => {
        if (width !== box.inner) ui.act(() => tell(box, width, alone));
      },
      end: () => {
        tip.remove();
        ui.root.classList.remove("stretching");
        if (!ui.shifting()) preview(box, box.inner);
      },
    });
  };
  const name = (box) => (box.kind === "shared" ? "Shared expert" : `Expert ${box.number}`);
  const who = (box) => `${moeOf(box.target)} ${box.kind === "shared"} ${box.number}`;
  const tell = (asked, width, alone) => {
    const box = ui.data.picture.boxes.find((other) => other.inner && who(other) === who(asked));
    if (!box) return;
    ui.widths.set(who(box), width);
    const values = { target: box.target, width, alone };
    if (box.number !== undefined) values.number = box.number;
    ui.hope(ui.emit("resize", values), () => preview(box, width, alone));
    ui.say(`${name(box)}, width ${grouped(width)}.`);
  };

  /** `box`, or its whole group, as wide as `width` will make it at this scale; what stands right of it moves over. */
  function preview(box, width, alone = false) {
    const here = ui.data.picture.boxes
        .filter((other) => EXPERTS.has(other.kind) && moeOf(other.target) === moeOf(box.target))
        .sort((a, b) => a.x - b.x),
      over = new Map();
    for (const other of here) {
      const grows = other.id === box.id || (!alone && other.target === box.target),
        wide = grows ? width : other.inner;
      const fill = (other.fill ?? other.w) + (wide - other.inner) * (other.scale || 0),
        w = other.kind === "cell" ? other.w : Math.max(HIT, fill),
        start = over.get(other.y) || 0;
      over.set(other.y, start + w - other.w);
      stretch(ui.nodes.get(other.id), other, wide, { x: other.x + start, w, fill });
    }
  }
  function stretch(node, box, width, { x, w, fill }) {
    const solid = node.querySelector(".fill"),
      grip = node.querySelector(".grip"),
      words = node.querySelector(".note");
    node.text = ""; // so that the next redraw starts from the picture
    node.style.left = `${x}px`;
    node.style.width = `${w}px`;
    if (solid) solid.style.width = `${Math.max(2, fill)}px`;
    if (grip) grip.style.left = `${fill - Math.min(9, box.w * 0.4)}px`;
    if (words && !box.heat_text) words.textContent = width === box.inner ? box.note : grouped(width);
  }

  /** One snap wider or narrower, or one unit: presses during an act are told as one width after it. */
  ui.widen = (by, unit) => {
    const box = ui.here();
    if (!box?.inner) return;
    const key = who(box),
      now = wishes.get(key) ?? ui.widths.get(key) ?? box.inner;
    const step = unit ? 1 : snapOf(by < 0 ? now - 1 : now),
      width = Math.max(
        1,
        unit ? now + by : (by > 0 ? Math.floor(now / step) + 1 : Math.ceil(now / step) - 1) * step,
      );
    const first = !wishes.has(key);
    wishes.set(key, width);
    if (first)
      ui.act(() => {
        const wish = wishes.get(key);
        wishes.delete(key);
        tell(box, wish, true);
      });
    else preview(box, width, true);
  };
}
