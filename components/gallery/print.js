// The fingerprint of a design: one line a layer, one segment an expert, to scale. Solid is what one token uses.
function draw({ kinds, rows }, said) {
  const W = 300,
    H = 100,
    lines = rows.reduce((sum, [, times]) => sum + times, 0),
    step = H / Math.max(1, lines);
  const tall = Math.max(0.5, step * (lines > 40 ? 0.72 : 0.8));
  const total = (line) => line.experts.reduce((sum, [n, w]) => sum + n * w, 0) + line.shared;
  const scale = (W - 4) / Math.max(1, ...kinds.map(total));
  const solid = { used: "", shared: "", dense: "" },
    idle = new Map();
  const box = (kind, x, y, w) => {
    solid[kind] += `M${x.toFixed(2)} ${y}h${w.toFixed(2)}v${tall.toFixed(2)}h-${w.toFixed(2)}z`;
  };
  let row = 0;
  for (const [kind, times] of rows)
    for (let turn = 0; turn < times; turn++, row++) {
      const line = kinds[kind],
        y = (row * step).toFixed(2),
        middle = (row * step + tall / 2).toFixed(2);
      let x = 0;
      if (line.shared) {
        const w = line.shared * scale;
        box("shared", x, y, Math.max(0.3, w));
        x += w + 2;
      }
      const count = line.experts.reduce((sum, [n]) => sum + n, 0);
      if (count === 1) {
        box("dense", x, y, line.experts[0][1] * scale);
        continue;
      }
      const used = pick(count, line.k + (line.ragged ? (row % 3) - 1 : 0), row + 1);
      let first = 0;
      for (const [n, width] of line.experts) {
        const w = width * scale,
          drawn = Math.max(0.3, w - Math.min(1.6, w * 0.22));
        // Equal experts of a line are the dashes of one stroke: a bank of 512 is one move and one line.
        if (w)
          idle.set(
            `${drawn.toFixed(3)} ${(w - drawn).toFixed(3)}`,
            (idle.get(`${drawn.toFixed(3)} ${(w - drawn).toFixed(3)}`) || "") +
              `M${x.toFixed(2)} ${middle}h${(n * w - (w - drawn)).toFixed(2)}`,
          );
        for (let i = 0; w && i < n; i++) if (used.has(first + i)) box("used", x + i * w, y, drawn);
        first += n;
        x += n * w;
      }
    }
  return s(
    "svg",
    { viewBox: `0 0 ${W} ${H}`, preserveAspectRatio: "none", role: "img", "aria-label": said },
    ...[...idle].map(([dashes, d]) =>
      s("path", { class: "idle", d, "stroke-width": tall.toFixed(2), "stroke-dasharray": dashes }),
    ),
    ...Object.entries(solid).map(([kind, d]) => s("path", { class: kind, d })),
  );
}

// Which experts the example token uses in a line: always the same for the same design.
function pick(count, k, seed) {
  const chosen = new Set();
  let z = (seed * 2654435761) >>> 0;
  while (chosen.size < Math.min(k, count)) {
    z ^= z << 13;
    z >>>= 0;
    z ^= z >>> 17;
    z ^= z << 5;
    z >>>= 0;
    chosen.add(z % count);
  }
  return chosen;
}
