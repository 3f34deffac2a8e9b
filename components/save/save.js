// What is drawn in the card around these buttons, as a file: nothing is asked of the server.
const SMALLEST = 120,
  SHARPER = 2;
const KEPT_STYLES = [
  ...["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity"],
  ...["font-family", "font-size", "font-weight", "text-anchor"],
];

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".save"),
    told = h("span", { class: "sr", role: "status" });
  const button = (kind, take) =>
    h(
      "button",
      {
        type: "button",
        title: `Save the chart as ${kind}: ${data.said}`,
        onclick: async () => {
          const found = pictures(root.getRootNode().host ?? root).filter(
            (picture) => kind === "PNG" || picture.toSvg || picture instanceof SVGSVGElement,
          );
          for (const [i, picture] of found.entries())
            download(await take(picture), `${data.name}${i ? `-${i + 1}` : ""}.${kind.toLowerCase()}`);
          told.textContent = found.length ? `Saved as ${kind}.` : "There is nothing here to save.";
        },
      },
      kind,
    );
  root.replaceChildren(button("SVG", svgOf), button("PNG", pngOf), told);
}

// The charts in the nearest frame around an element, also those inside other parts of ours.
function pictures(element) {
  for (let node = element.parentElement; node; node = node.parentElement) {
    const found = drawn(node);
    if (found.length) return found;
    if (getComputedStyle(node).borderTopWidth !== "0px") break;
  }
  return [];
}

function drawn(node) {
  const found = [];
  for (const element of node.querySelectorAll("*")) {
    if (element.shadowRoot) found.push(...drawn(element.shadowRoot));
    const chart = element instanceof HTMLCanvasElement || (element instanceof SVGSVGElement && !element.ownerSVGElement);
    const large = element.getBoundingClientRect();
    if (chart && large.width >= SMALLEST && large.height >= 40 && !element.matches(".track")) found.push(element);
  }
  return found;
}

const svgOf = async (picture) => new Blob([standalone(picture)], { type: "image/svg+xml" });

async function pngOf(picture) {
  if (picture instanceof HTMLCanvasElement && !picture.toSvg) return new Promise((give) => picture.toBlob(give));
  const image = new Image(),
    { width, height } = picture.getBoundingClientRect();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(standalone(picture))}`;
  await image.decode();
  const canvas = h("canvas", { width: Math.round(SHARPER * width), height: Math.round(SHARPER * height) });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((give) => canvas.toBlob(give));
}

// The same drawing without the page: every style that reaches it is written into it.
function standalone(picture) {
  const original = picture.toSvg ? picture.toSvg() : picture,
    copy = original.cloneNode(true),
    { width, height } = picture.getBoundingClientRect();
  if (!picture.toSvg) {
    const copies = [copy, ...copy.querySelectorAll("*")];
    [original, ...original.querySelectorAll("*")].forEach((element, i) => {
      const style = getComputedStyle(element);
      for (const name of KEPT_STYLES) copies[i].style.setProperty(name, style.getPropertyValue(name));
    });
  }
  const paper = getComputedStyle(document.querySelector('[data-testid="stApp"]') ?? document.body).backgroundColor;
  copy.prepend(s("rect", { width: "100%", height: "100%", style: `fill:${paper}` }));
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return new XMLSerializer().serializeToString(copy);
}

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
