// Claims beside what was measured: the threshold in the middle, to the right as claimed.
const WIDE = 170;

function boardOf(root, data) {
  const drawn = data.rows.some((row) => row.effect);
  const columns = [
    data.papers && "Paper",
    "It says",
    drawn && "Against ← threshold → as claimed",
    "Values and 95 % interval",
    "Verdict",
  ];
  return h(
    "table",
    {},
    h("caption", { class: "sr" }, data.said),
    h(
      "thead",
      {},
      h("tr", {}, ...columns.filter(Boolean).map((column) => h("th", { scope: "col" }, column))),
    ),
    h("tbody", {}, ...data.rows.map((row) => rowOf(root, row, data.papers, drawn))),
  );
}

function rowOf(root, row, papers, drawn) {
  const open =
    row.key &&
    h(
      "button",
      { type: "button", class: "open", onclick: () => root.send("open", row.key) },
      row.paper,
      h("span", { class: "sr" }, " (opens its page)"),
    );
  return h(
    "tr",
    {},
    papers && h("th", { scope: "row", class: "paper" }, open || row.paper, h("small", {}, row.source)),
    h(papers ? "td" : "th", papers ? {} : { scope: "row", class: "says" }, row.says, row.note && h("small", {}, row.note)),
    drawn && h("td", { class: "plot" }, plotOf(row)),
    h("td", { class: "value" }, row.measured, row.how && h("small", {}, row.how)),
    h("td", {}, chipOf(row.chip), row.under && h("small", { class: "under" }, row.under)),
  );
}

// The text columns say the same, so the picture is left out for those who read them.
function plotOf(row) {
  if (!row.effect) return "";
  const x = (v) => WIDE / 2 + v * (WIDE / 2 - 8);
  const { low, mean, high } = row.effect;
  return s(
    "svg",
    { width: WIDE, height: 22, viewBox: `0 0 ${WIDE} 22`, "aria-hidden": "true" },
    s("path", { class: "axis", d: `M4 11H${WIDE - 4}` }),
    s("path", { class: "threshold", d: `M${WIDE / 2} 2V20` }),
    s("path", { class: "interval", d: `M${x(low)} 11H${x(high)}` }),
    s("circle", { class: "mean", cx: x(mean), cy: 11, r: 4.5 }),
  );
}

const SIGNS = { yes: "✓ ", part: "~ ", no: "✕ ", not: "– ", busy: "▸ ", plain: "" };

function chipOf(chip) {
  return h("span", { class: `chip ${chip.kind}` }, SIGNS[chip.kind] + chip.text);
}
