// A few steps through a page. Whether it was seen is kept by the browser; where it stands, by this part.
const kept = new WeakMap();
// The page moves it when it opens or closes, which makes it anew, maybe more than once: what is then to be
// reached by keys, until the hand does something else.
let wanted = null;
for (const act of ["keydown", "pointerdown"]) document.addEventListener(act, () => (wanted = null), true);

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".tour"),
    seen = `moe-studio.${data.name}`,
    last = data.steps.length - 1;
  let state = kept.get(parentElement);
  // Made anew it goes on where the page says it stands.
  if (!state) {
    kept.set(parentElement, (state = { at: data.at ?? null }));
    if (data.held === null && data.opens && !remembered(seen)) setStateValue("opened", true);
  }
  if (state.given !== data.at) {
    state.at = data.at;
    state.moving = false;
  }
  state.given = data.at;
  // The page has gone on by its own switches: what is remembered of the tour goes with it.
  if (data.at !== data.held) setStateValue("step", data.at ?? -1);
  // Open it stands elsewhere than closed: until the page has moved it there is none, lest there be two.
  const move = (to, name) => {
    state.moving = true;
    root.replaceChildren();
    wanted = name;
    setStateValue("step", to);
  };
  const go = (at) => {
    if (state.at === null) return move(at, "next");
    state.at = at;
    wanted = "next";
    setStateValue("step", at);
    return draw("next");
  };
  const leave = () => {
    remember(seen);
    move(-1, "open");
  };
  const button = (name, words, onclick, more = {}) =>
    h("button", { type: "button", class: name, onclick, ...more }, words);
  const draw = (focus) => {
    if (state.moving) return;
    if (state.at === null)
      root.replaceChildren(button("open", "Tour", () => go(0), { "aria-label": `Tour of this page, ${last + 1} steps` }));
    else {
      const [title, words] = data.steps[state.at];
      const card = h(
        "section",
        { "aria-label": "Tour of this page" },
        h("div", { class: "words", role: "status" }, h("b", {}, `${state.at + 1} of ${last + 1}: ${title}`), ` ${words}`),
        h(
          "div",
          { class: "buttons" },
          state.at > 0 && button("back", "Back", () => go(state.at - 1)),
          state.at < last ? button("next", "Next", () => go(state.at + 1)) : button("next", "Done", leave),
          button("leave", "Leave the tour", leave),
        ),
      );
      card.addEventListener("keydown", (event) => {
        if (event.key === "Escape") leave();
      });
      root.replaceChildren(card);
    }
    if (focus) (root.querySelector(`.${focus}`) ?? root.querySelector("button")).focus();
  };
  // Each step redraws the page and this part with it; who walks by keys must not lose the place.
  const inside = root.contains(root.getRootNode().activeElement);
  const lost = wanted && root.ownerDocument.activeElement === root.ownerDocument.body;
  if (state.moving) return;
  draw(lost ? wanted : inside ? "next" : null);
}

// A browser may keep nothing; then the tour opens again, and nothing else happens.
function remembered(name) {
  try {
    return localStorage.getItem(name) === "1";
  } catch {
    return false;
  }
}

function remember(name) {
  try {
    localStorage.setItem(name, "1");
  } catch {
    // Not kept.
  }
}
