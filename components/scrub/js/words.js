// What stands around the canvas: controls, legend, the sentence that is said, the table of the step.
const spaced = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");
const percents = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u2009%`;
const figure = (value, counts) => (counts ? `${spaced(Math.round(value))} picks` : percents(value));

const icon = (path) =>
  s(
    "svg",
    { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true" },
    s("path", { d: path, fill: "currentColor" }),
  );

function controls(play, view) {
  const option = (value, text) =>
    h("option", { value, selected: value === view.domain ? "selected" : null }, text);
  const pressed = (value, text) =>
    h(
      "button",
      { type: "button", value, "aria-pressed": String((value === "counts") === view.counts) },
      text,
    );
  return {
    play: h("button", { class: "play", type: "button" }, icon("M3 1.8v8.4L10 6z"), "Play"),
    range: h("input", { type: "range", min: 0, max: play.last, value: view.frame, "aria-label": "Training step" }),
    out: h("span", { class: "step" }),
    domain: h(
      "label",
      {},
      "Tokens of ",
      h("select", {}, option(-1, "all domains"), play.domains.map((name, n) => option(n, name))),
    ),
    measure: h(
      "div",
      { class: "measure", role: "group", "aria-label": "What is shown" },
      pressed("share", "Share"),
      pressed("counts", "Counts"),
    ),
  };
}

function legend(play, view, look) {
  const even = new Set(play.experts).size === 1,
    fair = 1 / play.experts[0],
    bar = h("span", { class: "bar", css: { background: `linear-gradient(90deg,${look.ramp.filter((_, i) => i % 15 === 0).join()})` } });
  const marked = even && !view.counts && fair <= view.most;
  if (marked) bar.append(h("span", { class: "fair", css: { left: `${(100 * fair) / view.most}%` } }));
  const notes = [
    marked && `fair share ${percents(fair)} marked`,
    `crossed out: no token${view.domain < 0 ? "" : ` of ${named(play, view)}`}`,
    view.counts && play.soft.some(Boolean) && "layers that select nothing have no counts",
    ...Object.entries(SIGNS).map(([kind, words]) => play.marks.some((mark) => mark.kind === kind) && words),
  ];
  return ["0", bar, figure(view.most, view.counts), h("span", { class: "notes" }, notes.filter(Boolean).join(", "))];
}

const SIGNS = {
  loss_spike: "▼ the loss jumped",
  birth: "▲ an expert woke up",
  death: "✕ an expert fell asleep",
};

const named = (play, view) => (view.domain < 0 ? "all domains" : play.domains[view.domain]);

function sentence(play, view) {
  const step = `Step ${spaced(play.steps[view.frame])}, ${named(play, view)}`;
  if (!view.cell) return `${step}. Choose a cell for its figures.`;
  const [layer, expert] = view.cell,
    place = `${play.layers[layer]}, expert ${expert}`;
  const shares = rowOf(play, view.frame, layer, view.domain, false),
    value = shares.values[expert];
  if (value < 0) return `${step}: ${place} gets no token.`;
  const fair = value * play.experts[layer];
  const about = play.soft[layer]
    ? `about ${percents(value)} of the outputs`
    : `about ${percents(value)} of ${spaced(shares.whole)} picks`;
  return `${step}: ${place} has ${about}, ${fair.toFixed(1)} times its fair share.`;
}

const heads = () =>
  h(
    "tr",
    {},
    ["Layer", "Busiest", "Its share", "Idle"].map((text) => h("th", { scope: "col" }, text)),
  );

function fill(body, caption, play, view) {
  caption.textContent = `Step ${spaced(play.steps[view.frame])}, ${named(play, view)}`;
  body.replaceChildren(
    ...play.layers.map((name, layer) => {
      const { values, whole } = rowOf(play, view.frame, layer, view.domain, view.counts);
      const busiest = values.indexOf(Math.max(...values)),
        idle = values.filter((value) => value < 0).length;
      const cells =
        whole && !(view.counts && play.soft[layer])
          ? [`expert ${busiest}`, figure(values[busiest], view.counts), `${idle} of ${values.length}`]
          : ["–", "–", "–"];
      return h("tr", {}, h("th", { scope: "row" }, name), cells.map((text) => h("td", {}, text)));
    }),
  );
}
