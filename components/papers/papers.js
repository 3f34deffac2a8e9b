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

function catalogueOf(root, cards) {
  const items = cards.map((card) => ({ card, element: paperOf(root, card) }));
  const groups = [...new Set(cards.map((card) => card.group))];
  const states = ["", ...new Set(cards.map((card) => card.status))];
  const asked = (root.asked = root.asked || { text: "", status: "" });
  const search = h("input", {
    type: "search",
    class: "search",
    placeholder: "Filter by name, year, claim or verdict",
    "aria-label": "Filter the papers",
    spellcheck: "false",
    value: asked.text,
  });
  const said = h("div", { class: "said", role: "status" }),
    body = h("div", {});
  const tabs = states.map((name) =>
    h(
      "button",
      {
        type: "button",
        class: "tab",
        onclick: () => {
          asked.status = name;
          show();
        },
      },
      name || "All",
    ),
  );
  const words = ({ card }) =>
    [card.short, card.title, card.year, card.source, card.claim, ...card.chips.map((chip) => chip.text)]
      .join(" ")
      .toLowerCase();
  const show = () => {
    tabs.forEach((tab, i) => tab.setAttribute("aria-pressed", String(states[i] === asked.status)));
    const wanted = asked.text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const found = items.filter(
      (item) =>
        (!asked.status || item.card.status === asked.status) &&
        wanted.every((word) => words(item).includes(word)),
    );
    said.textContent =
      found.length === items.length ? `${items.length} papers` : `${found.length} of ${items.length} papers`;
    body.replaceChildren(...(found.length ? listed(groups, found) : [nothing(asked.text.trim(), clear)]));
  };
  const clear = () => {
    asked.text = asked.status = search.value = "";
    show();
    search.focus();
  };
  search.oninput = () => {
    asked.text = search.value;
    show();
  };
  show();
  return [
    h(
      "div",
      { class: "tools", role: "search" },
      search,
      h("div", { class: "tabs", role: "group", "aria-label": "Status" }, ...tabs),
      said,
    ),
    body,
  ];
}

function listed(groups, found) {
  return groups
    .map((name) => [name, found.filter((item) => item.card.group === name)])
    .filter(([, part]) => part.length)
    .flatMap(([name, part]) => [
      h("h2", {}, name, h("span", { class: "count" }, ` ${part.length}`)),
      h("ul", { class: "cards", "aria-label": name }, ...part.map((item) => item.element)),
    ]);
}

function nothing(asked, clear) {
  return h(
    "p",
    { class: "none" },
    asked ? `No paper has “${asked}” in its name, claim or verdict. ` : "No paper is in this state. ",
    h("button", { type: "button", class: "clear", onclick: clear }, "Clear the filter"),
  );
}
