// The points of one part: what is drawn, and which point is where.

/** Points that have a place and a title, with a grid over them for questions by place. */
export class Points {
  /** listed: JSON of /api/v1/map/tracks. plane: Float32Array [n * 2], NaN where absent. */
  constructor(listed, plane) {
    const total = listed.track_ids.length;
    const rows = new Int32Array(total);
    let count = 0;
    for (let row = 0; row < total; row++) {
      if (plane[2 * row] === plane[2 * row] && listed.titles[row] !== null) rows[count++] = row;
    }
    this.count = count;
    this.rows = rows.slice(0, count); // from a point to its row in the lists
    this.x = new Float32Array(count);
    this.y = new Float32Array(count);
    for (let point = 0; point < count; point++) {
      this.x[point] = plane[2 * rows[point]];
      this.y[point] = plane[2 * rows[point] + 1];
    }
    this.#makeGrid();
  }

  // A counting sort of the points into side x side cells over -1..1.
  #makeGrid() {
    const side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(this.count / 4))));
    this.side = side;
    this.starts = new Int32Array(side * side + 1);
    const cells = new Int32Array(this.count);
    for (let point = 0; point < this.count; point++) {
      cells[point] = this.#cell(this.y[point]) * side + this.#cell(this.x[point]);
      this.starts[cells[point] + 1]++;
    }
    for (let cell = 0; cell < side * side; cell++) this.starts[cell + 1] += this.starts[cell];
    const next = this.starts.slice();
    this.order = new Int32Array(this.count);
    for (let point = 0; point < this.count; point++) this.order[next[cells[point]]++] = point;
  }

  #cell(value) {
    const cell = Math.floor(((value + 1) / 2) * this.side);
    return cell < 0 ? 0 : cell >= this.side ? this.side - 1 : cell;
  }

  /** The point nearest to (x, y) within a radius, -1 when there is none. */
  nearest(x, y, radius) {
    let best = -1;
    let least = radius * radius;
    const left = this.#cell(x - radius), right = this.#cell(x + radius);
    const bottom = this.#cell(y + radius);
    for (let row = this.#cell(y - radius); row <= bottom; row++) {
      const last = this.starts[row * this.side + right + 1];
      for (let at = this.starts[row * this.side + left]; at < last; at++) {
        const point = this.order[at];
        const dx = this.x[point] - x, dy = this.y[point] - y;
        const square = dx * dx + dy * dy;
        if (square <= least) { least = square; best = point; }
      }
    }
    return best;
  }

  /** The count points nearest to (x, y), nearest first. */
  nearestFew(x, y, count) {
    const found = [];
    let limit = Infinity;
    for (let point = 0; point < this.count; point++) {
      const dx = this.x[point] - x, dy = this.y[point] - y;
      const square = dx * dx + dy * dy;
      if (square >= limit) continue;
      let place = found.length;
      while (place > 0 && found[place - 1][0] > square) place--;
      found.splice(place, 0, [square, point]);
      if (found.length > count) found.pop();
      if (found.length === count) limit = found[count - 1][0];
    }
    return found.map((entry) => entry[1]);
  }
}

/** Which rows have every word of a text in their title or artist; null for no text. */
export function matching(listed, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const found = new Uint8Array(listed.titles.length);
  for (let row = 0; row < found.length; row++) {
    const own = `${listed.titles[row] ?? ""} ${listed.artists[row] ?? ""}`.toLowerCase();
    found[row] = words.every((word) => own.includes(word)) ? 1 : 0;
  }
  return found;
}

/** Colours by group, Uint8Array [n * 4]; what does not match is mixed with the paper. */
export function colours(points, groups, matches, paper) {
  const dark = paper[0] * 0.3 + paper[1] * 0.59 + paper[2] * 0.11 < 128;
  const found = new Uint8Array(points.count * 4);
  const known = new Map();
  for (let point = 0; point < points.count; point++) {
    const row = points.rows[point];
    const group = groups[row];
    let colour = known.get(group);
    if (!colour) {
      // The golden angle keeps the large groups, which come first, far apart in hue.
      colour = fromHue((group * 137.508) % 360, dark ? 0.66 : 0.42, 0.65);
      known.set(group, colour);
    }
    const share = matches && !matches[row] ? 0.12 : 1;
    for (let channel = 0; channel < 3; channel++) {
      found[4 * point + channel] = paper[channel] + share * (colour[channel] - paper[channel]);
    }
    found[4 * point + 3] = 255;
  }
  return found;
}

function fromHue(hue, lightness, saturation) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  return [0, 8, 4].map((offset) => {
    const place = (offset + hue / 30) % 12;
    return 255 * (lightness - reach * Math.max(-1, Math.min(place - 3, 9 - place, 1)));
  });
}
