// One thin bar for each row, and the part of the design that is in sight. For the pointer; keys have the arrows.
const MINI = { width: 34, most: 180, pad: 4 };

function mapping(ui) {
  const { mini, stage } = ui;
  let ratio = 1,
    drawn = null;

  ui.deep = () => ui.data.picture.height * ui.k() > stage.clientHeight + 24;
  ui.map = () => {
    const k = ui.k(),
      { height, boxes } = ui.data.picture;
    mini.classList.toggle("shown", ui.deep());
    if (!ui.deep()) return;
    const tall = Math.min(MINI.most, stage.clientHeight * 0.5);
    ratio = tall / height;
    if (drawn !== ui.data.picture) {
      drawn = ui.data.picture;
      mini.setAttribute("width", MINI.width + 2 * MINI.pad);
      mini.setAttribute("height", tall + 2 * MINI.pad);
      const bars = boxes
        .filter((box) => box.kind === "row" || box.kind === "panel")
        .map((box) => {
          const moe = box.kind === "panel" || box.folds;
          return s("rect", {
            class: `bar-${box.kind === "panel" ? "moe" : box.glyph}`,
            x: MINI.pad,
            y: MINI.pad + box.y * ratio,
            width: moe ? MINI.width : MINI.width * 0.62,
            height: Math.max(1, box.h * ratio - 0.3),
          });
        });
      mini.replaceChildren(
        ...bars,
        s("rect", { class: "sight", x: 1, width: MINI.width + 2 * MINI.pad - 2, rx: 3 }),
      );
    }
    const sight = mini.lastChild,
      top = ui.point({ clientX: 0, clientY: stage.getBoundingClientRect().top }).y;
    const from = Math.max(0, top),
      to = Math.min(height, top + stage.clientHeight / k);
    sight.setAttribute("y", MINI.pad + from * ratio);
    sight.setAttribute("height", Math.max(6, (to - from) * ratio));
  };
  const jump = (event) => {
    const y = (event.clientY - mini.getBoundingClientRect().top - MINI.pad) / ratio;
    stage.scrollTop = y * ui.k() - stage.clientHeight / 2;
  };
  mini.addEventListener("pointerdown", (event) => {
    mini.setPointerCapture(event.pointerId);
    jump(event);
  });
  mini.addEventListener("pointermove", (event) => {
    if (mini.hasPointerCapture(event.pointerId)) jump(event);
  });
}
