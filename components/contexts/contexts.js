// A real table: where from, what comes before, the token, what comes after.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".contexts");
  const rows = data.rows.map(([from, before, token, after]) =>
    h(
      "tr",
      {},
      h("td", {}, from),
      h("td", { class: "before" }, h("bdi", { dir: "ltr" }, before)),
      h("td", { class: "token" }, h("mark", {}, token)),
      h("td", { class: "after" }, after),
    ),
  );
  root.replaceChildren(h("table", {}, h("caption", { class: "sr" }, data.label), h("tbody", {}, rows)));
}
