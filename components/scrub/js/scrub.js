// Play, pause and scrub: once the payload is here, nothing is asked of the server again.
const kept = new WeakMap();
const PLAY_SECONDS = 6.7,
  SLOWEST = 8,
  FASTEST = 30;
const STEP = "scrub.step",
  DOMAIN = "scrub.domain",
  MEASURE = "scrub.counts";

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".scrub");
  let state = kept.get(parentElement);
  if (!state) kept.set(parentElement, (state = { view: null }));
  state.look = inks(root);
  if (state.data === data) state.redraw?.();
  else {
    state.data = data;
    unpack(data).then((play) => {
      if (state.data === data) build(root, state, play);
    });
  }
  return () => {
    stop(state);
    state.watcher?.disconnect();
    remember({ [STEP]: null, [DOMAIN]: null, [MEASURE]: null });
  };
}

function build(root, state, play) {
  stop(state);
  const view = (state.view = begin(play, state.view));
  const canvas = h("canvas", { tabindex: 0, role: "application", "aria-roledescription": "heat map" });
  canvas.toSvg = () => {
    const pen = new SvgPen(view.places.width, view.places.height);
    sketch(pen, play, view, state.look);
    return pen.svg;
  };
  const parts = controls(play, view),
    told = h("p", { class: "told", role: "status" }),
    words = h("div", { class: "legend" }),
    table = h("tbody", {}),
    caption = h("caption", {});
  const line = h("div", { class: "line" }),
    map = h("div", { class: "map" }, canvas, words, told);
  const say = () => {
    told.textContent = sentence(play, view);
    fill(table, caption, play, view);
    state.said = performance.now();
  };
  const draw = () => {
    paint(canvas, play, view, state.look);
    parts.out.textContent = `step ${spaced(play.steps[view.frame])}`;
    parts.range.value = view.frame;
    parts.range.setAttribute("aria-valuetext", `step ${play.steps[view.frame]}`);
  };
  const settle = () => {
    draw();
    say();
    clearTimeout(state.later);
    state.later = setTimeout(() => {
      const newest = view.frame === play.last;
      remember({
        [STEP]: newest ? null : play.steps[view.frame],
        [DOMAIN]: view.domain < 0 ? null : play.domains[view.domain],
        [MEASURE]: view.counts ? "1" : null,
      });
    }, 250);
  };
  const rescale = () => {
    view.most = mostOf(play, view.domain, view.counts);
    words.replaceChildren(...legend(play, view, state.look));
    canvas.setAttribute("aria-label", `${play.alt} Arrow keys walk over layers and experts.`);
    settle();
  };
  const place = () => {
    view.places = places(play, Math.max(240, map.clientWidth));
    line.replaceChildren(track(play, Math.max(120, line.clientWidth)));
    draw();
  };
  state.redraw = () => {
    words.replaceChildren(...legend(play, view, state.look));
    draw();
  };
  wire(state, play, view, parts, { draw, settle, rescale, say });
  walk(canvas, play, view, settle);
  const rows = h("table", {}, caption, h("thead", {}, heads(view)), table);
  root.replaceChildren(
    h("div", { class: "top" }, parts.play, parts.range, parts.out),
    line,
    h("div", { class: "ways" }, parts.domain, parts.measure),
    h("div", { class: "both" }, map, h("div", { class: "rows", tabindex: 0, role: "region", "aria-label": "Table of the step" }, rows)),
  );
  view.places = places(play, 240);
  rescale();
  place();
  state.watcher?.disconnect();
  let width = root.clientWidth;
  state.watcher = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    place();
  });
  state.watcher.observe(root);
  root.dataset.ready = "1";
}

// Where to begin: where this part was, where the link says, else at the newest step.
function begin(play, before) {
  const link = new URLSearchParams(location.search);
  const asked = before ? before.step : Number(link.get(STEP) ?? NaN);
  const near = Number.isFinite(asked) ? nearest(play.steps, asked) : play.last;
  const domain = before ? before.domain : play.domains.indexOf(link.get(DOMAIN));
  return {
    frame: near,
    domain: domain < play.domains.length ? domain : -1,
    counts: before ? before.counts : link.get(MEASURE) === "1",
    cell: before?.cell ?? null,
    get step() {
      return this.frame === play.last ? Infinity : play.steps[this.frame];
    },
  };
}

const nearest = (steps, asked) =>
  steps.reduce((best, step, i) => (Math.abs(step - asked) < Math.abs(steps[best] - asked) ? i : best), 0);

// The address is the browser's own: writing it asks nothing of the server, and a reload shows the same.
function remember(values) {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(values))
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  if (url.href !== location.href) history.replaceState(history.state, "", url);
}

function wire(state, play, view, parts, act) {
  const show = (frame) => {
    view.frame = Math.max(0, Math.min(play.last, frame));
    act.draw();
  };
  const by = (frame) => {
    stop(state, parts);
    show(frame);
    act.settle();
  };
  const toggle = () => {
    if (state.playing) {
      stop(state, parts);
      return act.settle();
    }
    if (matchMedia("(prefers-reduced-motion: reduce)").matches)
      return by(view.frame >= play.last ? 0 : view.frame + 1);
    return start(state, play, view, parts, show, act);
  };
  parts.play.onclick = toggle;
  parts.range.oninput = () => {
    stop(state, parts);
    show(+parts.range.value);
  };
  parts.range.onchange = () => act.settle();
  parts.range.onkeydown = (event) => {
    const jump = { PageUp: 10, PageDown: -10, ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const to = { Home: 0, End: play.last }[event.key] ?? (jump ? view.frame + jump : null);
    if (event.key === " ") toggle();
    else if (to !== null) by(to);
    else return;
    event.preventDefault();
  };
  parts.domain.querySelector("select").onchange = (event) => {
    view.domain = +event.target.value;
    act.rescale();
  };
  for (const button of parts.measure.querySelectorAll("button"))
    button.onclick = () => {
      view.counts = button.value === "counts";
      for (const other of parts.measure.children)
        other.setAttribute("aria-pressed", String((other.value === "counts") === view.counts));
      act.rescale();
    };
}

// A whole training in a few seconds, at most thirty steps in each; the table follows twice a second.
function start(state, play, view, parts, show, act) {
  if (view.frame >= play.last) show(0);
  const rate = Math.max(SLOWEST, Math.min(FASTEST, play.steps.length / PLAY_SECONDS));
  const from = view.frame,
    begun = performance.now();
  parts.play.replaceChildren(icon("M2.5 1.8h2.4v8.4H2.5zM7.1 1.8h2.4v8.4H7.1z"), "Pause");
  const tick = (now) => {
    const frame = Math.min(play.last, from + Math.floor(((now - begun) / 1000) * rate));
    if (frame !== view.frame) show(frame);
    if (frame >= play.last) {
      stop(state, parts);
      act.settle();
      return;
    }
    state.playing = requestAnimationFrame(tick);
  };
  state.playing = requestAnimationFrame(tick);
}

function stop(state, parts) {
  if (state.playing) cancelAnimationFrame(state.playing);
  state.playing = null;
  parts?.play.replaceChildren(icon("M3 1.8v8.4L10 6z"), "Play");
}

// The arrow keys and the pointer choose a cell, whose figures are said.
function walk(canvas, play, view, settle) {
  const pick = (layer, expert) => {
    const row = Math.max(0, Math.min(play.layers.length - 1, layer));
    view.cell = [row, Math.max(0, Math.min(play.experts[row] - 1, expert))];
    settle();
  };
  canvas.onkeydown = (event) => {
    const way = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    if (!way) return;
    event.preventDefault();
    const [layer, expert] = view.cell ?? [-way[0], -way[1]];
    pick(layer + way[0], expert + way[1]);
  };
  canvas.onclick = (event) => {
    const { left, tall, wide } = view.places;
    const layer = Math.floor((event.offsetY - TOP) / tall),
      expert = Math.floor((event.offsetX - left) / wide);
    if (layer >= 0 && expert >= 0 && expert < (play.experts[layer] ?? 0)) pick(layer, expert);
  };
}
