// What the hand did, kept until Python has acknowledged its number: component state is replayed at every run
// and trigger values get lost, numbers do not.
const WATCHING = new Set(["select", "fold", "column", "heat", "copy"]);
// After these the pointers of a picture may lead elsewhere.
const SHIFTING = new Set([
  "add",
  "delete",
  "duplicate",
  "move",
  "put",
  "gather",
  "unroll",
  "cut",
  "paste",
  "resize",
  "edit",
  "method",
  "undo",
  "redo",
  "start",
  "open",
]);

// Milliseconds until what nobody acknowledged is told again, doubled from time to time.
const FIRST = 4000,
  LAST = 16000;

function outbox(ui) {
  const client = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  let seq = 0,
    ops = [],
    waiting = [],
    hopes = [],
    send = null,
    told = 0,
    again = 0,
    patience = FIRST;

  // What was sent while the server was away is lost on the way, and a server started anew knows nothing of it.
  // It heeds only what differs from what the page brought along, so each telling has a number.
  const tell = () => {
    send("outbox", { client, told: ++told, ops: [...ops] });
    clearTimeout(again);
    again = setTimeout(() => {
      patience = Math.min(2 * patience, LAST);
      tell();
    }, patience);
  };

  /** Tell Python; gives the number of the act, 0 where the drawing is only shown. */
  ui.emit = (type, values = {}) => {
    if (ui.narrow.matches && !WATCHING.has(type)) {
      ui.warn("On a screen this narrow the drawing is only shown. Edit beside it, or on a wider one.");
      return 0;
    }
    // An act names its target, and Python selects what comes of it: a choice still resting would undo that.
    if (SHIFTING.has(type)) ui.forget();
    ops.push({ seq: ++seq, type, ...values });
    tell();
    return seq;
  };
  ui.forsake = () => clearTimeout(again);
  ui.shifting = () => ops.some((op) => SHIFTING.has(op.type));
  /** Do what names places of the picture: at once, or when the picture shows what was done before. */
  ui.act = (run) => {
    if (waiting.length || ui.shifting()) waiting.push(run);
    else run();
  };
  /** Do what names no place: at once, unless something waits that was done before. */
  ui.soon = (run) => {
    if (waiting.length) waiting.push(run);
    else run();
  };
  ui.flush = () => {
    while (waiting.length && !ui.shifting()) waiting.shift()();
  };
  /** Show at once what an act will bring; `show` runs again after each redraw until the act is acknowledged. */
  ui.hope = (number, show) => {
    if (number) {
      hopes.push({ number, show });
      show();
    }
  };
  ui.hoping = () => hopes.forEach(({ show }) => show());
  /** Drop what Python has done; true if that may have moved what pointers lead to. */
  ui.settled = (data, setStateValue) => {
    send = setStateValue;
    const done = data.ack?.client === client ? data.ack.seq : 0;
    const moved = ops.some((op) => op.seq <= done && SHIFTING.has(op.type));
    if (ops[0]?.seq <= done) patience = FIRST;
    ops = ops.filter((op) => op.seq > done);
    if (!ops.length) ui.forsake();
    hopes = hopes.filter(({ number }) => number > done);
    const chosen = ops.findLast((op) => op.type === "select");
    ui.selected = chosen ? chosen.target : data.selected;
    return moved;
  };
}
