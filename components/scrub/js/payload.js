// What components/scrub/pack.py packed: a header, levels [F, L, N, E], picks [L, N, F].
async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Adds the running means up again, in place.
function summed(levels, size) {
  const mean = new Int16Array(size).fill(8);
  for (let at = 0; at < levels.length; at += size)
    for (let i = 0; i < size; i++) {
      const level = (levels[at + i] + (mean[i] >> 4)) & 255;
      levels[at + i] = level;
      mean[i] += ((level << 4) + 8 - mean[i]) >> 2;
    }
  return levels;
}

async function unpack(data) {
  const bytes = new Uint8Array(data),
    length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const middle = 4 + length + head.sizes[0];
  const [residues, totals] = await Promise.all([
    inflated(bytes.subarray(4 + length, middle)),
    inflated(bytes.subarray(middle)),
  ]);
  const widest = Math.max(...head.experts),
    domains = head.domains.length;
  const size = head.layers.length * domains * widest;
  return {
    ...head,
    widest,
    last: head.steps.length - 1,
    levels: summed(residues, size),
    share: Float32Array.from({ length: 256 }, (_, level) => head.top * (level / head.scale) ** 2),
    totals: new Int32Array(totals.buffer),
  };
}

// Of one step and layer: values [E] and their sum; -1 says that this expert got none of the layer's picks.
// `domain` -1 is all of them together; `counts` gives picks instead of shares.
function rowOf(play, frame, layer, domain, counts) {
  const { levels, share, totals, widest } = play,
    domains = play.domains.length,
    frames = play.steps.length;
  const experts = play.experts[layer],
    soft = play.soft[layer],
    values = new Float32Array(experts);
  let whole = 0;
  for (let n = domain < 0 ? 0 : domain; n < (domain < 0 ? domains : domain + 1); n++) {
    const weight = soft ? 1 : totals[(layer * domains + n) * frames + frame];
    const at = ((frame * play.layers.length + layer) * domains + n) * widest;
    for (let e = 0; e < experts; e++) values[e] += weight * share[levels[at + e]];
    whole += weight;
  }
  for (let e = 0; e < experts; e++) {
    if (!soft && whole && values[e] === 0) values[e] = -1;
    else if (!counts) values[e] /= whole || 1;
  }
  return { values, whole };
}

// The most any cell ever has, so that colours mean the same at every step.
function mostOf(play, domain, counts) {
  let most = 0;
  for (let frame = 0; frame <= play.last; frame++)
    for (let layer = 0; layer < play.layers.length; layer++) {
      if (counts && play.soft[layer]) continue;
      for (const value of rowOf(play, frame, layer, domain, counts).values) if (value > most) most = value;
    }
  return most || 1;
}
