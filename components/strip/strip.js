// The pinned cost strip: one cell a figure, with its change since the previous edit and its band.
const SEEN = new WeakMap();

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".strip");
  const before = SEEN.get(parentElement) || {},
    now = {};
  const cells = data.cells.map((cell) => {
    const text = `${cell.value} ${cell.unit}`;
    now[cell.label] = text;
    const changed = before[cell.label] !== undefined && before[cell.label] !== text;
    return h(
      "div",
      { class: changed ? "cell changed" : "cell" },
      h("dt", { title: cell.label }, cell.label),
      h(
        "dd",
        {},
        h(
          "span",
          { class: "value" },
          cell.value,
          h("small", {}, cell.unit),
          cell.extra ? h("small", { class: "extra" }, cell.extra) : null,
        ),
        h(
          "span",
          { class: "more" },
          cell.delta
            ? h(
                "span",
                { class: cell.delta === "same" ? "delta same" : "delta", "aria-hidden": "true" },
                cell.delta,
              )
            : null,
          cell.band ? band(cell.band) : null,
          h("span", { class: "note", "aria-hidden": "true" }, cell.note),
          h("span", { class: "sr" }, `${cell.said} ${cell.band ? cell.note : ""}`),
        ),
      ),
    );
  });
  SEEN.set(parentElement, now);
  root.replaceChildren(
    h(
      "div",
      { class: "last" },
      h("b", {}, data.last[0]),
      ...data.last.slice(1).map((line) => h("span", { title: line }, line)),
    ),
    h("dl", {}, ...cells),
  );
}

function band([low, value, high]) {
  const w = 66,
    margin = (high - low) * 0.25 || 1,
    x = (v) => ((v - low + margin) / (high - low + 2 * margin)) * w;
  return s(
    "svg",
    { class: "band", viewBox: `0 0 ${w} 10`, preserveAspectRatio: "none", height: 10, "aria-hidden": "true" },
    s("path", { d: `M0 5H${w}`, stroke: "var(--line)", "stroke-width": 1 }),
    s("path", { d: `M${x(low)} 5H${x(high)}`, stroke: "var(--ink3)", "stroke-width": 4, opacity: 0.55 }),
    s("path", { d: `M${x(value)} 0V10`, stroke: "var(--ink)", "stroke-width": 2 }),
  );
}
