// The catalogue of papers as cards with a filter, or the board of their claims.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".papers");
  root.send = setTriggerValue;
  const text = JSON.stringify(data);
  if (root.text === text) return;
  root.text = text;
  if (data.rows) root.replaceChildren(h("div", { class: "scroll" }, boardOf(root, data)));
  // What was typed stays when a verdict arrives.
  else root.replaceChildren(...catalogueOf(root, data.cards));
}

function paperOf(root, card) {
  return h(
    "li",
    { class: "card" },
    h(
      "div",
      { class: "head" },
      h(
        "button",
        { type: "button", class: "open", onclick: () => root.send("open", card.key) },
        card.short,
        h("span", { class: "sr" }, ` (${card.title}, opens its page)`),
      ),
      h("span", { class: "year" }, card.year),
    ),
    h("div", { class: "title", title: card.title }, card.title),
    h("div", { class: "claim", title: card.claim }, card.claim),
    h(
      "div",
      { class: "foot" },
      card.link
        ? h(
            "a",
            { href: card.link, target: "_blank", rel: "noopener noreferrer" },
            card.source,
            h("span", { class: "sr" }, `, the source of ${card.short}, opens a new tab`),
          )
        : h("span", {}, card.source),
      h("span", { class: "chips" }, ...card.chips.map(chipOf)),
    ),
  );
}

function catalogueOf(root, papers) {
  root.asked = root.asked || { text: "", kind: "" };
  const items = papers.map((card) => ({ card, element: paperOf(root, card) }));
  return shelf(items, {
    asked: root.asked,
    label: "Filter the papers",
    finds: "Filter by name, year, claim or verdict",
    kind: (card) => card.status,
    kinds: "Status",
    words: (card) =>
      [card.short, card.title, card.year, card.source, card.claim, ...card.chips.map((chip) => chip.text)].join(
        " ",
      ),
    noun: "papers",
    none: (typed, clear) => [
      typed ? `No paper has “${typed}” in its name, claim or verdict. ` : "No paper is in this state. ",
      clear,
    ],
  });
}
