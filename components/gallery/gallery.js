// Fingerprints of designs: one line a layer, one segment an expert, to scale. Solid is what one token uses.
export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".gallery"), kinds = palette(root);
  root.style.setProperty("--expert", kinds[2]); root.style.setProperty("--shared", kinds[7]);
  if (data.picture) {
    root.style.setProperty("--height", `${data.height}px`);
    root.replaceChildren(h("div", { class: "print" }, print(data.picture.lines, data.picture.said)));
    return;
  }
  root.style.setProperty("--columns", data.columns);
  const text = JSON.stringify(data);
  if (root.text === text) return;
  root.text = text;
  root.replaceChildren(h("div", { class: "cards" }, ...data.cards.map((card) => h("div", { class: "card" },
    h("div", { class: "print" }, print(card.lines, card.said)),
    h("div", { css: { "min-width": "0" } }, h("div", { class: "name", title: card.name }, card.name), h("div", { class: "note", title: card.note }, card.note)),
    h("button", { type: "button", class: "go", onclick: () => setTriggerValue("open", card.key) }, "Open", h("span", { class: "sr" }, ` ${card.name} as a new design`)),
    h("div", { class: "size" }, card.size)))));
}

function print(lines, said) {
  const W = 300, H = 100, step = H / Math.max(1, lines.length), tall = Math.max(0.5, step * (lines.length > 40 ? 0.72 : 0.8));
  const total = (line) => line.experts.reduce((sum, [n, w]) => sum + n * w, 0) + line.shared;
  const scale = (W - 4) / Math.max(1, ...lines.map(total));
  const paths = { idle: "", used: "", shared: "", dense: "" };
  lines.forEach((line, row) => {
    const y = (row * step).toFixed(2);
    let x = 0;
    const put = (kind, width, gap) => {
      const w = width * scale, drawn = Math.max(0.3, w - (gap ? Math.min(1.6, w * 0.22) : 0));
      paths[kind] += `M${x.toFixed(2)} ${y}h${drawn.toFixed(2)}v${tall.toFixed(2)}h-${drawn.toFixed(2)}z`; x += w;
    };
    const count = line.experts.reduce((sum, [n]) => sum + n, 0);
    if (line.shared) { put("shared", line.shared); x += 2; }
    if (count === 1) { put("dense", line.experts[0][1]); return; }
    const used = pick(count, line.k, row + 1);
    let number = 0;
    for (const [n, width] of line.experts) for (let i = 0; i < n; i++) put(used.has(number++) ? "used" : "idle", width, true);
  });
  return s("svg", { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
    ...Object.entries(paths).map(([kind, d]) => s("path", { class: kind, d })));
}

// Which experts the example token uses in a line: always the same for the same design.
function pick(count, k, seed) {
  const chosen = new Set();
  let z = (seed * 2654435761) >>> 0;
  while (chosen.size < Math.min(k, count)) {
    z ^= z << 13; z >>>= 0; z ^= z >>> 17; z ^= z << 5; z >>>= 0;
    chosen.add(z % count);
  }
  return chosen;
}
