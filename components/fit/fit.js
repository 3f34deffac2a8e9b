// Devices by number formats: a real table whose cells say what they mean in words and signs.
const SIGNS = { fits: "✓ ", tight: "▲ ", not: "✕ ", none: "" };

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".fit");
  root.replaceChildren(
    h(
      "table",
      {},
      h("caption", { class: "sr" }, data.said),
      h(
        "thead",
        {},
        h("tr", {}, h("td", {}), ...data.columns.map((column) => h("th", { scope: "col" }, column))),
      ),
      h(
        "tbody",
        {},
        ...data.rows.map((row) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, row.name, h("small", {}, row.note)),
            ...row.cells.map((cell) =>
              h(
                "td",
                { class: cell.kind + (cell.chosen ? " chosen" : ""), title: cell.below },
                h("b", {}, SIGNS[cell.kind] + cell.text),
                h("span", {}, cell.below),
                cell.chosen ? h("span", { class: "sr" }, "shown on this page") : null,
              ),
            ),
          ),
        ),
      ),
    ),
  );
}
