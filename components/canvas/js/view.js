// Zoom and place: the stage scrolls, the world in it is scaled; both are remembered for each draft.
const BESIDE = 66; // pixels that the minimap and the scroll bar take
const ZOOMS = [0.25, 0.33, 0.5, 0.67, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2];

function viewing(ui) {
  const { stage, world } = ui,
    room = stage.querySelector(".room");
  let zoom = 0,
    known = null,
    timer = 0;

  // Under 80 % nothing can be read, so deep designs fit by width and pan.
  const fit = () => {
    const { width, height } = ui.data.picture;
    const high = (stage.offsetHeight - 24) / height,
      wide = (stage.offsetWidth - (high < 0.8 ? BESIDE : 24)) / width;
    return Math.max(0.8, Math.min(1.18, high < 0.8 ? wide : Math.min(wide, high)));
  };
  ui.k = () => zoom || fit();
  ui.scale = () => {
    if (!ui.data || !stage.clientWidth) return;
    const k = ui.k(),
      { width, height } = ui.data.picture;
    const left = Math.max(
        4,
        Math.min(
          (stage.clientWidth - width * k) / 2 - 18,
          stage.offsetWidth - width * k - (ui.deep() ? BESIDE : 0),
        ),
      ),
      top = Math.max(6, Math.min(18, (stage.clientHeight - height * k) / 2));
    world.style.transform = `translate(${left}px, ${top}px) scale(${k})`;
    room.style.width = `${left + width * k}px`;
    room.style.height = `${top + height * k + 10}px`;
    ui.tools.querySelector(".zoom").textContent = `${Math.round(100 * k)}\u2009%`;
    ui.map();
  };
  /** Where the pointer is in the pixels of the picture. */
  ui.point = ({ clientX, clientY }) => {
    const { left, top } = world.getBoundingClientRect(),
      k = ui.k();
    return { x: (clientX - left) / k, y: (clientY - top) / k };
  };
  ui.over_stage = ({ clientX, clientY }) => {
    const r = stage.getBoundingClientRect();
    return clientX >= r.left && clientX <= r.right && clientY >= r.top && clientY <= r.bottom;
  };
  /** Zoom, with what is under the given point of the window staying there; 0 fits. */
  ui.zoom = (next, at) => {
    const r = stage.getBoundingClientRect();
    const fixed = at || { clientX: r.left + r.width / 2, clientY: r.top + r.height / 2 },
      before = ui.point(fixed);
    zoom = next && Math.max(ZOOMS[0], Math.min(ZOOMS.at(-1), next));
    ui.scale();
    const after = ui.point(fixed),
      k = ui.k();
    stage.scrollBy((before.x - after.x) * k, (before.y - after.y) * k);
    keep();
  };
  ui.step = (by) => {
    const now = ui.k(),
      next = by > 0 ? ZOOMS.find((z) => z > now + 0.01) : ZOOMS.findLast((z) => z < now - 0.01);
    if (next) ui.zoom(next);
  };
  stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      ui.zoom(ui.k() * Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 240), event);
    },
    { passive: false },
  );
  pinching(ui);

  // ---- memory
  const key = () => `moe-view-${known}`;
  const keep = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (known)
        sessionStorage.setItem(key(), JSON.stringify({ zoom, x: stage.scrollLeft, y: stage.scrollTop }));
    }, 120);
  };
  ui.recall = () => {
    if (known === ui.data.draft || !stage.clientWidth) return;
    known = ui.data.draft;
    const kept = JSON.parse(sessionStorage.getItem(key()) || "{}");
    zoom = kept.zoom || 0;
    ui.scale();
    stage.scrollTo(kept.x || 0, kept.y || 0);
  };
  stage.addEventListener(
    "scroll",
    () => {
      keep();
      ui.map();
    },
    { passive: true },
  );

  // ---- the widths that Python may lay out for, and the height that the form beside the drawing shares
  let asked = "",
    rest = 0;
  ui.measure = () => {
    const { columns, column, gutter, height } = ui.data,
      space = stage.offsetWidth - 20 - gutter,
      number = ui.root.offsetHeight;
    const width = columns.filter((each) => each <= space * 1.12).pop() ?? columns[0],
      wanted = `${width} ${number}`;
    clearTimeout(rest);
    if (!stage.clientWidth || wanted === asked || (width === column && number === height)) return;
    // A window that is being resized asks once, at its end.
    rest = setTimeout(
      () => {
        asked = wanted;
        ui.emit("column", { width, number });
      },
      asked ? 150 : 0,
    );
  };
}

/** Two fingers zoom around the middle between them. */
function pinching(ui) {
  const fingers = new Map();
  let apart = 0;
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
  };
  ui.stage.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") {
      fingers.set(event.pointerId, event);
      if (fingers.size === 2) apart = spread() / ui.k();
    }
  });
  ui.stage.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, event);
    if (fingers.size !== 2) return;
    const [a, b] = [...fingers.values()];
    ui.zoom(spread() / apart, { clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 });
  });
  for (const name of ["pointerup", "pointercancel"])
    ui.stage.addEventListener(name, (event) => fingers.delete(event.pointerId));
}
