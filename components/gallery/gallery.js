// A gallery of designs in one part: cards in groups, a filter, an order.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery"),
    kinds = palette(root);
  root.style.setProperty("--expert", kinds[2]);
  root.style.setProperty("--shared", kinds[7]);
  if (data.picture) {
    root.style.setProperty("--height", `${data.height}px`);
    root.replaceChildren(h("div", { class: "print" }, draw(data.picture.print, data.picture.said)));
    return;
  }
  root.style.setProperty("--columns", data.columns);
  const text = JSON.stringify(data);
  root.send = setTriggerValue;
  if (root.text === text) return;
  root.text = text;
  const items = data.cards.map((card) => ({ card, element: cardOf(root, card) }));
  root.replaceChildren(...(data.tools ? tooled(items) : [list(items)]));
}

function cardOf(root, card) {
  const print = h("div", { class: "print" }, draw(card.print, `${card.name}: ${card.note}`));
  const press = (act, label, more) =>
    h(
      "button",
      { type: "button", class: "go", onclick: () => root.send(act, card.key) },
      label,
      h("span", { class: "sr" }, more),
    );
  const link =
    card.link &&
    h(
      "a",
      { href: card.link, target: "_blank", rel: "noopener noreferrer" },
      card.source,
      h("span", { class: "sr" }, ` is the source of ${card.design}, opens a new tab`),
    );
  return h(
    "li",
    { class: "card" },
    print,
    h(
      "div",
      { class: "words" },
      h("div", { class: "name", title: card.name }, card.name),
      h("div", { class: "note", title: card.note }, card.note),
    ),
    press("open", "Open", ` ${card.design} as a new design`),
    h("div", { class: "size" }, card.size),
    card.group && h("div", { class: "line", title: card.line }, card.line),
    card.group &&
      h(
        "div",
        { class: "foot" },
        h("span", { class: "source" }, link || card.source),
        card.badge && h("span", { class: "badge" }, card.badge),
        card.shrinks && press("shrink", "Shrink to train here", ` as a copy of ${card.design}`),
      ),
  );
}

function list(items, label) {
  return h("ul", { class: "cards", "aria-label": label }, ...items.map((item) => item.element));
}

const ORDERS = [
  ["As listed", () => 0],
  ["Largest total first", (a, b) => b.card.total - a.card.total],
  ["Smallest total first", (a, b) => a.card.total - b.card.total],
];

// The filter and the order live here: nothing of them concerns the server.
function tooled(items) {
  const groups = [...new Set(items.map((item) => item.card.group))];
  let group = "",
    order = 0;
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Filter by name, expert count or source",
    "aria-label": "Filter the gallery",
    spellcheck: "false",
  });
  const pick = h(
    "select",
    { class: "order", "aria-label": "Order of the gallery" },
    ...ORDERS.map(([name], i) => h("option", { value: i }, name)),
  );
  const said = h("div", { class: "said", role: "status" }),
    body = h("div", {});
  const tabs = ["", ...groups].map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "tab",
        "aria-pressed": String(name === ""),
        onclick: (event) => {
          group = name;
          tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab === event.currentTarget)));
          show();
        },
      },
      name || "All",
    ),
  );
  const clear = () => {
    search.value = "";
    group = "";
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === 0)));
    show();
    search.focus();
  };
  const words = ({ card }) =>
    `${card.name} ${card.note} ${card.line} ${card.source} ${card.badge}`.toLowerCase();
  const show = () => {
    const asked = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter(
      (item) => (!group || item.card.group === group) && asked.every((word) => words(item).includes(word)),
    );
    said.textContent =
      found.length === items.length
        ? `${items.length} designs`
        : `${found.length} of ${items.length} designs`;
    const kept = [...found].sort(ORDERS[order][1]);
    if (!kept.length) {
      body.replaceChildren(none(search.value.trim(), clear));
      return;
    }
    body.replaceChildren(
      ...groups
        .map((name) => [name, kept.filter((item) => item.card.group === name)])
        .filter(([, part]) => part.length)
        .flatMap(([name, part]) => [
          h("h2", {}, name, h("span", { class: "count" }, ` ${part.length}`)),
          list(part, name),
        ]),
    );
  };
  search.oninput = show;
  pick.onchange = () => {
    order = Number(pick.value);
    show();
  };
  show();
  return [
    h(
      "div",
      { class: "tools", role: "search" },
      search,
      h("div", { class: "tabs", role: "group", "aria-label": "Kind" }, ...tabs),
      pick,
      said,
    ),
    body,
  ];
}

function none(asked, clear) {
  return h(
    "p",
    { class: "none" },
    `No architecture or method has “${asked}” in its name. `,
    h("button", { type: "button", class: "clear", onclick: clear }, "Clear the filter"),
    ", or import its config.json on the Start page.",
  );
}
