// Helpers of all our parts: elements from data (text only ever as text), and the glyphs of the parts.
const SVG = "http://www.w3.org/2000/svg";

function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "css")
      for (const [key, part] of Object.entries(value)) element.style.setProperty(key, part);
    else if (name.startsWith("on")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat().filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

function s(tag, props, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props || {}))
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

function palette(element, scale = "categorical") {
  return getComputedStyle(element)
    .getPropertyValue(`--st-chart-${scale}-colors`)
    .split(",")
    .map((c) => c.trim());
}

// Shares on a page: the theme's scale from paper to the most there is, and what can be read on it.
function stops(element) {
  const text = getComputedStyle(element).getPropertyValue("--st-chart-sequential-colors");
  return text.split(",").map((color) => [1, 3, 5].map((at) => parseInt(color.trim().slice(at, at + 2), 16)));
}

function colour(scale, share) {
  const at = Math.min(1, Math.pow(Math.max(0, share), 0.75)) * (scale.length - 1);
  const low = Math.floor(at),
    high = Math.min(scale.length - 1, low + 1);
  return scale[low].map((value, i) => Math.round(value + (scale[high][i] - value) * (at - low)));
}

// Relative luminance as WCAG defines it; black on what is brighter than 0.179, else white.
function ink(rgb) {
  const [r, g, b] = rgb
    .map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

const GLYPH = {
  embedding: "M3 4h10M3 8h10M3 12h6",
  attention: "M3 3v10M8 3v10M13 3v10M3 5l5 3 5-3M3 9l5 3 5-3",
  dense: "M3 5.5h10v5H3z",
  moe: "M2.5 4h11M3 7.5h2.4v5H3zM7 7.5h1.6v5H7zM10.2 7.5H13.4v5h-3.2z",
  router: "M8 2.5v3.5M8 6L3.5 13M8 6v7M8 6l4.5 7",
  shared: "M4 3.5h8v9H4zM4 8h8",
  expert: "M4 3.5h8v9H4z",
  combine: "M4.5 3.5h7L8 8l3.5 4.5h-7",
  head: "M3 12V8M6.4 12V4M9.7 12V6.5M13 12V9.5",
  layer: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  warning: "M8 2.8l6 10.4H2zM8 6.6v3M8 11.3v.2",
  error: "M8 2.2a5.8 5.8 0 100 11.6A5.8 5.8 0 008 2.2zM5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2",
  plus: "M8 3.5v9M3.5 8h9",
  minus: "M3.5 8h9",
  fit: "M3 6V3h3M13 6V3h-3M3 10v3h3M13 10v3h-3",
  open: "M4 6l4 4 4-4",
  closed: "M6 4l4 4-4 4",
  method: "M2 8h3l2-4.5 2.5 9L11.5 8H14",
  save: "M8 2.5v7M5 6.8l3 3 3-3M3 11v2.5h10V11",
  keys: "M2 4.5h12v7H2zM4.5 7h.2M7 7h.2M9.5 7h.2M12 7h.2M5 9.3h6",
};

function glyph(name, size = 16) {
  return s(
    "svg",
    {
      width: size,
      height: size,
      viewBox: "0 0 16 16",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 1.4,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
    },
    s("path", { d: GLYPH[name] || GLYPH.dense }),
  );
}

// Cards in groups below a filter: what is typed, a tab for each `kind` of card, and how many are left. Nothing
// of it concerns the server. `asked` {text, kind} outlives a redraw; `more` stands beside the tabs.
function shelf(
  items,
  { asked, label, finds, kind, kinds, words, noun, none, more = null, sorted = (found) => found },
) {
  const names = ["", ...new Set(items.map(({ card }) => kind(card)))];
  const groups = [...new Set(items.map(({ card }) => card.group))];
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: finds,
    "aria-label": label,
    spellcheck: "false",
    value: asked.text,
    oninput: () => {
      asked.text = search.value;
      show();
    },
  });
  const said = h("div", { class: "said", role: "status" }),
    body = h("div", {});
  const pick = (name) => {
    asked.kind = name;
    show();
  };
  const tabs = names.map((name) =>
    h("button", { type: "button", class: "tab", onclick: () => pick(name) }, name || "All"),
  );
  const clear = () => {
    asked.text = search.value = "";
    pick("");
    search.focus();
  };
  const show = () => {
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(names[i] === asked.kind)));
    const typed = asked.text.trim(),
      wanted = typed.toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter(
      ({ card }) =>
        (!asked.kind || kind(card) === asked.kind) &&
        wanted.every((word) => words(card).toLowerCase().includes(word)),
    );
    const all = found.length === items.length ? "" : `${found.length} of `;
    said.textContent = `${all}${items.length} ${noun}`;
    const reset = h("button", { type: "button", class: "clear", onclick: clear }, "Clear the filter");
    body.replaceChildren(
      ...(found.length ? underHeads(groups, sorted(found)) : [h("p", { class: "none" }, ...none(typed, reset))]),
    );
  };
  show();
  const tools = h("div", { class: "tools", role: "search" }, search);
  tools.append(h("div", { class: "tabs", role: "group", "aria-label": kinds }, ...tabs));
  if (more) tools.append(more(show));
  tools.append(said);
  return [tools, body];
}

function underHeads(groups, found) {
  return groups
    .map((name) => [name, found.filter(({ card }) => card.group === name)])
    .filter(([, part]) => part.length)
    .flatMap(([name, part]) => [
      h("h2", {}, name, h("span", { class: "count" }, ` ${part.length}`)),
      cards(part, name),
    ]);
}

function cards(items, label) {
  return h("ul", { class: "cards", "aria-label": label }, ...items.map((item) => item.element));
}
