// Which lines differ between two texts: the longest common lines stay, the others came or went.

/** Beyond so many lines in the middle they are shown as all different. */
// The table below has the square of it: 4.5 MB at most.
const MOST = 1500;

/** Pairs of lines `{left, right}`; equal ones stand side by side, a missing one is null. */
export function paired(left, right) {
  const [a, b] = [left.split("\n"), right.split("\n")];
  let start = 0;
  // Most edits touch a few lines: what is equal at both ends needs no table.
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const same = (line) => ({ left: line, right: line, same: true });
  return [
    ...a.slice(0, start).map(same),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...a.slice(a.length - end).map(same),
  ];
}

function middle(a, b) {
  const pairs = a.length > MOST || b.length > MOST ? [] : common(a, b);
  const found = [];
  let [i, j] = [0, 0];
  for (const [x, y] of [...pairs, [a.length, b.length]]) {
    while (i < x || j < y) {
      found.push({ left: i < x ? a[i++] : null, right: j < y ? b[j++] : null, same: false });
    }
    if (i < a.length && j < b.length) {
      found.push({ left: a[i], right: b[j], same: true });
      i += 1;
      j += 1;
    }
  }
  return found;
}

// The places of a longest common series of lines.
function common(a, b) {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i][j] = a[i] === b[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[i + 1][j] >= lengths[i][j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}
