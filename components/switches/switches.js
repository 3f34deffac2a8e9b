// One button an expert. What is turned is told once the hand rests, so that three clicks ask once.
const TURNS = ["", "off", "on", "boost"];
const SAID = { "": "as learned", off: "off", on: "on for every token", boost: "favoured" };
const MARKS = { "": "", off: "✕", on: "●", boost: "▲" };
const REST = 600;
// From this many experts on, the rows of a narrow window wrap.
const MANY = 13;
const turning = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".switches"),
    scale = stops(root);
  const state = turning.get(parentElement) || { timer: null, at: [0, 0] };
  turning.set(parentElement, state);
  if (state.timer) return undefined; // What was turned since then is on its way.
  const states = new Map(data.states.map(([r, e, turn]) => [`${r}.${e}`, turn]));
  const buttons = data.shares.map((row, r) => row.map((share, e) => button(r, e, share)));

  function button(r, e, share) {
    const rgb = colour(scale, share);
    const made = h("button", {
      type: "button",
      tabindex: -1,
      css: { background: `rgb(${rgb.join(" ")})`, color: ink(rgb) },
      onclick: () => turn(r, e),
      onfocus: () => (state.at = [r, e]),
    });
    show(made, r, e);
    return made;
  }

  function show(made, r, e) {
    const now = states.get(`${r}.${e}`) || "";
    made.className = now;
    made.textContent = `${MARKS[now]}${e}`;
    made.setAttribute(
      "aria-label",
      `${data.rows[r]}, expert ${e}, ${data.percent[r][e]} % of its picks: ${SAID[now]}`,
    );
    made.title = `${data.rows[r]}, expert ${e}: ${SAID[now]}`;
  }

  function turn(r, e) {
    const key = `${r}.${e}`,
      next = TURNS[(TURNS.indexOf(states.get(key) || "") + 1) % TURNS.length];
    if (next) states.set(key, next);
    else states.delete(key);
    show(buttons[r][e], r, e);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      state.timer = null;
      setStateValue(
        "states",
        [...states].map(([place, now]) => [...place.split(".").map(Number), now]),
      );
    }, REST);
  }

  function go(r, e) {
    const row = Math.max(0, Math.min(buttons.length - 1, r)),
      at = Math.max(0, Math.min(buttons[row].length - 1, e));
    buttons.flat().forEach((each) => (each.tabIndex = -1));
    buttons[row][at].tabIndex = 0;
    buttons[row][at].focus();
  }

  const table = h(
    "table",
    { "aria-label": data.label, class: data.shares.some((row) => row.length >= MANY) ? "many" : "" },
    h("tbody", {}, buttons.map((row, r) => h("tr", {}, h("th", { scope: "row" }, data.rows[r]), h("td", {}, ...row)))),
  );
  table.onkeydown = (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    go(state.at[0] + by[0], state.at[1] + by[1]);
  };
  const focused = root.contains(root.getRootNode().activeElement);
  const legend = h(
    "div",
    { class: "legend" },
    ...["off", "on", "boost"].map((turn) => h("span", {}, `${MARKS[turn]} ${SAID[turn]}`)),
    h("span", {}, "shade: share of the layer's picks"),
  );
  root.replaceChildren(table, legend);
  const [r, e] = state.at;
  const entry = buttons[r]?.[e] || buttons[0]?.[0];
  if (entry) entry.tabIndex = 0;
  if (focused) go(r, e);
  return undefined;
}
