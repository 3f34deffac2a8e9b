// The canvas: layers below each other, experts side by side, a cell a share.
const TOP = 18,
  DEEPEST = 440,
  ROOMY = 64;

function places(play, width) {
  const longest = Math.max(...play.layers.map((name) => name.length), 6);
  const left = Math.min(120, 12 + 6.4 * longest);
  const tall = Math.max(9, Math.min(30, DEEPEST / play.layers.length));
  return { left, tall, wide: (width - left) / play.widest, width, height: TOP + tall * play.layers.length + 2 };
}

// Colours and fonts are read once a theme: asking the page for them at each frame would cost more than drawing.
function inks(root) {
  const style = getComputedStyle(root),
    scale = stops(root),
    colours = Array.from({ length: 256 }, (_, i) => colour(scale, i / 255));
  return {
    ramp: colours.map((rgb) => `rgb(${rgb.join(" ")})`),
    inks: colours.map(ink),
    text: style.getPropertyValue("--ink2").trim() || style.color,
    dead: style.getPropertyValue("--ink3").trim() || style.color,
    outline: style.getPropertyValue("--line2").trim() || style.color,
    accent: style.getPropertyValue("--st-primary-color"),
    font: `11px ${style.fontFamily}`,
  };
}

function paint(canvas, play, view, look) {
  const ratio = devicePixelRatio || 1,
    at = view.places,
    pen = canvas.getContext("2d");
  if (canvas.width !== Math.round(at.width * ratio) || canvas.height !== Math.round(at.height * ratio)) {
    canvas.width = Math.round(at.width * ratio);
    canvas.height = Math.round(at.height * ratio);
    canvas.style.width = `${at.width}px`;
    canvas.style.height = `${at.height}px`;
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, at.width, at.height);
  sketch(pen, play, view, look);
}

function sketch(pen, play, view, look) {
  const at = view.places;
  labels(pen, play, at, look);
  pen.textAlign = "center";
  const gap = at.wide > 8 && at.tall > 8 ? 1 : 0.5;
  for (let layer = 0; layer < play.layers.length; layer++) {
    if (view.counts && play.soft[layer]) continue;
    const { values } = rowOf(play, view.frame, layer, view.domain, view.counts);
    for (let e = 0; e < values.length; e++) {
      const x = at.left + e * at.wide,
        y = TOP + layer * at.tall;
      if (values[e] < 0) crossed(pen, x + gap, y + gap, at.wide - 2 * gap, at.tall - 2 * gap, look);
      else {
        const level = Math.min(255, Math.round((255 * values[e]) / view.most));
        pen.fillStyle = look.ramp[level];
        pen.fillRect(x + gap, y + gap, at.wide - 2 * gap, at.tall - 2 * gap);
        if (at.wide < ROOMY || at.tall < 18) continue;
        pen.fillStyle = look.inks[level];
        pen.fillText(figure(values[e], view.counts), x + at.wide / 2, y + at.tall / 2 + 4);
      }
    }
  }
  if (!view.cell) return;
  pen.strokeStyle = look.accent;
  pen.lineWidth = 2;
  pen.strokeRect(at.left + view.cell[1] * at.wide, TOP + view.cell[0] * at.tall, at.wide, at.tall);
}

function labels(pen, play, at, look) {
  pen.fillStyle = look.text;
  pen.font = look.font;
  pen.textAlign = "right";
  pen.fillText("expert", at.left - 8, 12);
  const rows = at.tall < 12 ? 4 : 1,
    columns = at.wide < 14 ? 8 : at.wide < 22 ? 4 : 1;
  for (let layer = 0; layer < play.layers.length; layer += rows)
    pen.fillText(play.layers[layer], at.left - 8, TOP + (layer + 0.5) * at.tall + 4, at.left - 10);
  pen.textAlign = "center";
  for (let e = 0; e < play.widest; e += columns)
    pen.fillText(String(e), at.left + (e + 0.5) * at.wide, 12);
}

function crossed(pen, x, y, wide, tall, look) {
  pen.lineWidth = 1;
  if (wide > 7 && tall > 7) {
    pen.strokeStyle = look.outline;
    pen.strokeRect(x + 0.5, y + 0.5, wide - 1, tall - 1);
  }
  // Small and grey: where half of the experts are asleep, a hatch would outshine what the others do.
  const half = Math.min(4, 0.3 * Math.min(wide, tall)),
    middle = [x + wide / 2, y + tall / 2];
  pen.strokeStyle = look.dead;
  pen.beginPath();
  pen.moveTo(middle[0] - half, middle[1] - half);
  pen.lineTo(middle[0] + half, middle[1] + half);
  pen.moveTo(middle[0] + half, middle[1] - half);
  pen.lineTo(middle[0] - half, middle[1] + half);
  pen.stroke();
}

// Loss over the steps and what happened at which, on the width of the slider.
function track(play, width) {
  const height = 34,
    inside = Math.max(1, width - 16),
    first = play.steps[0],
    span = play.steps[play.last] - first || 1;
  const x = (step) => 8 + (inside * (step - first)) / span;
  const known = play.losses.map((loss, i) => [play.steps[i], loss]).filter(([, loss]) => loss !== null);
  const svg = s("svg", { class: "track", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  if (known.length > 1) {
    const values = known.map(([, loss]) => loss),
      low = Math.min(...values),
      high = Math.max(...values);
    const y = (loss) => 30 - (26 * (loss - low)) / (high - low || 1);
    svg.append(s("path", { class: "loss", d: known.map(([step, loss], i) => `${i ? "L" : "M"}${x(step)} ${y(loss)}`).join("") }));
  }
  for (const mark of play.marks)
    svg.append(
      s(
        "g",
        { class: `mark ${mark.kind}`, transform: `translate(${x(mark.step)} 0)` },
        s("title", {}, `step ${mark.step}: ${mark.text}`),
        s("path", { d: MARK[mark.kind] || MARK.other }),
      ),
    );
  return svg;
}

// A spike stands on the line, a birth points up, a death is crossed.
const MARK = {
  loss_spike: "M0 2v30M-4 2h8L0 9z",
  birth: "M-4 32L0 25L4 32z",
  death: "M-3.5 25.5l7 7M3.5 25.5l-7 7",
  other: "M0 22v10",
};
