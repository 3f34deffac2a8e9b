// Paints the picture that Python laid out, and says what the hand did.
// Each topic below is a function that gives its methods to `ui`, the one object of a mounted drawing.
const LIVE = new WeakMap();

export default function (component) {
  const { parentElement } = component;
  let ui = LIVE.get(parentElement);
  if (!ui) LIVE.set(parentElement, (ui = mounted(parentElement)));
  ui.take(component);
  return () => {
    ui.dispose();
    LIVE.delete(parentElement);
  };
}

function mounted(parent) {
  const find = (selector) => parent.querySelector(selector);
  const ui = { nodes: new Map(), data: null, narrow: matchMedia("(max-width: 639px)") };
  for (const name of [
    "palette",
    "main",
    "tools",
    "stage",
    "world",
    "boxes",
    "over",
    "wires",
    "mini",
    "toast",
    "live",
    "finder",
    "sheet",
  ])
    ui[name] = find(`.${name}`);
  ui.root = find(".canvas");
  for (const topic of [
    outbox,
    selecting,
    painting,
    viewing,
    mapping,
    tracking,
    dragging,
    resizing,
    acting,
    exporting,
    keying,
    partList,
    toolbar,
    commanding,
  ])
    topic(ui);
  let late = null,
    started = false,
    next = null;

  /** The cost strip gets its frame first: what comes after the first picture is drawn in the frame after. */
  ui.take = (component) => {
    const waiting = next !== null;
    next = component;
    if (!started) draw();
    else if (!waiting) {
      if (document.hidden) setTimeout(draw);
      else requestAnimationFrame(() => setTimeout(draw));
    }
  };
  const draw = () => {
    const component = next;
    next = null;
    if (component) ui.receive(component);
  };
  ui.receive = (component) => {
    // A redraw under the hand would take away what it holds.
    if (ui.held()) {
      late = component;
      return;
    }
    const { data, setStateValue } = component;
    const focused = ui.boxes.contains(ui.focused()),
      moved = ui.settled(data, setStateValue);
    const worse =
      data.problems && ui.data && data.problems.text !== ui.data.problems?.text
        ? ` ${data.problems.text}.`
        : "";
    const before = ui.data ? ui.pickedBoxes() : [];
    ui.data = data;
    if (moved) {
      ui.redone = true;
      ui.follow(before);
    }
    ui.colours();
    ui.partList();
    ui.toolbar();
    ui.paint();
    ui.recall();
    ui.scale();
    ui.measure();
    if (focused && (moved || !ui.boxes.contains(ui.focused()))) ui.refocus();
    // Keys act from the start where nothing else wants them; a ring around what nobody chose would only distract.
    if (!started) {
      started = true;
      if (document.activeElement === document.body) ui.refocus(false);
    }
    if (data.said && data.said + worse !== ui.live.textContent) ui.live.textContent = data.said + worse;
    if (!ui.shifting()) ui.widths.clear();
    ui.flush();
  };
  ui.released = () => {
    const now = late;
    late = null;
    if (now) ui.receive(now);
  };
  ui.focused = () => ui.root.getRootNode().activeElement;
  ui.say = (text) => {
    ui.live.textContent = text;
  };
  ui.warn = (text) => {
    ui.say(text);
    ui.toast.textContent = text;
    clearTimeout(ui.toasting);
    ui.toasting = setTimeout(() => {
      ui.toast.textContent = "";
    }, 8000);
  };
  const watch = new ResizeObserver(() => {
    if (ui.data && !ui.held()) {
      ui.recall();
      ui.scale();
      ui.measure();
    }
  });
  watch.observe(ui.stage);
  ui.dispose = () => {
    next = null;
    watch.disconnect();
    clearTimeout(ui.toasting);
    ui.forget();
    ui.forsake();
  };
  return ui;
}
