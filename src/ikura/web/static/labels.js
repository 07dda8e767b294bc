// Labels of the marks on an axis of epochs: none covers another, and requests that lie too near to each other share one.

const GAP = 8;
const NEAR = [14, 30, 60, 120, 240, 480, Infinity];

// Each mark: { epoch, label, request, after }, at so many pixels; request says that it may share a label, after its epoch in words.
// Returns the labels, each { words, x, align, room, row, colour }, in at most so many rows.
export function laid(marks, at, { left, right, rows, most }, measure) {
  const labelled = marks.filter((one) => one.label).sort((a, b) => a.epoch - b.epoch);
  let found = [];
  for (const near of NEAR) {
    found = inRows(shared(labelled, at, near), at, { left, right, most }, measure);
    if (found.every((one) => one.row < rows)) break;
  }
  return found.filter((one) => one.row < rows);
}

// Marks in groups: requests of which each lies near to the one before it are one.
function shared(marks, at, near) {
  const groups = [];
  let last = null;
  for (const mark of marks) {
    if (!mark.request) groups.push([mark]);
    else if (last && at(mark.epoch) - at(last.at(-1).epoch) < near) last.push(mark);
    else groups.push((last = [mark]));
  }
  return groups;
}

function inRows(groups, at, { left, right, most }, measure) {
  const ends = [];
  return groups.map((group) => {
    const [from, to] = [at(group[0].epoch), at(group.at(-1).epoch)];
    const words = wordsOf(group);
    const wide = Math.min(most, measure(words));
    // Beside its last mark, before its first, between them, whichever first has room enough; else where there is most.
    const places = [
      { x: to + 4, align: "left", room: right - to - 4 },
      { x: from - 4, align: "right", room: from - left - 4 },
      { x: from + 4, align: "left", room: right - from - 4 },
    ];
    const place = places.find((one) => one.room >= wide) ?? places.reduce((best, one) => (one.room > best.room ? one : best));
    const room = Math.min(most, place.room);
    const covers = Math.min(wide, room);
    const span = place.align === "right" ? [place.x - covers, place.x] : [place.x, place.x + covers];
    let row = 0;
    while (ends[row]?.some(([low, high]) => span[0] < high + GAP && low < span[1] + GAP)) row++;
    (ends[row] ??= []).push(span);
    return { ...place, words, room, row, colour: group[0].colour };
  });
}

function wordsOf(group) {
  if (group.length === 1) return group[0].label;
  const [first, last] = [group[0].after, group.at(-1).after];
  return `${group.length} requests at ${first === last ? first : `${first}–${last}`}`;
}
