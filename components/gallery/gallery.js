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
  root.replaceChildren(...(data.tools ? tooled(items) : [cards(items)]));
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

const ORDERS = [
  ["As listed", () => 0],
  ["Largest total first", (a, b) => b.card.total - a.card.total],
  ["Smallest total first", (a, b) => a.card.total - b.card.total],
];

function tooled(items) {
  let order = 0;
  const pick = (show) =>
    h(
      "select",
      {
        class: "order",
        "aria-label": "Order of the gallery",
        onchange: (event) => {
          order = Number(event.target.value);
          show();
        },
      },
      ...ORDERS.map(([name], i) => h("option", { value: i }, name)),
    );
  return shelf(items, {
    asked: { text: "", kind: "" },
    label: "Filter the gallery",
    finds: "Filter by name, expert count or source",
    kind: (card) => card.group,
    kinds: "Kind",
    words: (card) => `${card.name} ${card.note} ${card.line} ${card.source} ${card.badge}`,
    noun: "designs",
    none: (typed, clear) => [
      `No architecture or method has “${typed}” in its name. `,
      clear,
      ", or import its config.json on the Start page.",
    ],
    more: pick,
    sorted: (found) => [...found].sort(ORDERS[order][1]),
  });
}
