// What the canvas is painted with, for a drawing that can be saved: the same strokes as SVG.
class SvgPen {
  constructor(width, height) {
    this.svg = s("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  }
  fillRect(x, y, width, height) {
    this.svg.append(s("rect", { x, y, width, height, fill: this.fillStyle }));
  }
  strokeRect(x, y, width, height) {
    this.svg.append(this.outlined("rect", { x, y, width, height }));
  }
  fillText(text, x, y) {
    const anchor = { right: "end", center: "middle" }[this.textAlign] ?? "start";
    this.svg.append(s("text", { x, y, "text-anchor": anchor, fill: this.fillStyle, style: `font:${this.font}` }, text));
  }
  beginPath() {
    this.line = "";
  }
  moveTo(x, y) {
    this.line += `M${x} ${y}`;
  }
  lineTo(x, y) {
    this.line += `L${x} ${y}`;
  }
  rect(x, y, width, height) {
    this.line += `M${x} ${y}h${width}v${height}h${-width}z`;
  }
  stroke() {
    this.svg.append(this.outlined("path", { d: this.line }));
  }
  outlined(tag, shape) {
    return s(tag, { ...shape, fill: "none", stroke: this.strokeStyle, "stroke-width": this.lineWidth });
  }
}
