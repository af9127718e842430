// What is played one after another: a list with a place in it. Nothing of the page is touched.
// A song is {id, title, artist, duration_s, has_cover}. In the queue it has a key of its own, as a
// song may stand there twice, and `by`: the "list" it was started in, a "hand" that added it, or
// "radio".

export const MOST = 500;
const BEFORE = 50; // of a list, so many stay before the song that is started

export class Queue {
  items = [];
  at = -1;
  #keys = 0;

  get current() {
    return this.items[this.at] ?? null;
  }

  get coming() {
    return this.items.slice(this.at + 1);
  }

  #item(song, by) {
    const { id, title, artist, duration_s, has_cover } = song;
    this.#keys += 1;
    return { id, title, artist, duration_s, has_cover, by, key: this.#keys };
  }

  /** Start a list at one of its songs; what hands have added comes before the rest of it. */
  play(songs, index = 0) {
    const added = this.coming.filter((item) => item.by === "hand");
    const first = Math.max(0, index - BEFORE);
    const list = songs.slice(first, first + MOST - added.length);
    this.items = list.map((song) => this.#item(song, "list"));
    this.at = index - first;
    this.items.splice(this.at + 1, 0, ...added);
  }

  addNext(song) {
    this.items.splice(this.at + 1, 0, this.#item(song, "hand"));
    this.#cut();
  }

  /** At the end; what radio has chosen comes after it. */
  addLast(song) {
    const radio = this.items.findIndex((item, i) => i > this.at && item.by === "radio");
    this.items.splice(radio < 0 ? this.items.length : radio, 0, this.#item(song, "hand"));
    this.#cut();
  }

  /** What radio has chosen to come, in place of what it had chosen before. */
  setRadio(songs) {
    this.items = this.items.filter((item, i) => i <= this.at || item.by !== "radio");
    this.addRadio(songs);
  }

  addRadio(songs) {
    this.items.push(...songs.map((song) => this.#item(song, "radio")));
    this.#cut();
  }

  /** Leave the rest of a list: from here on radio chooses. */
  dropList() {
    this.items = this.items.filter((item, i) => i <= this.at || item.by === "hand");
  }

  #cut() {
    while (this.items.length > MOST && this.at > 0) {
      this.items.shift();
      this.at -= 1;
    }
    this.items.length = Math.min(this.items.length, MOST);
  }

  /** One further, or one back; false at the end. */
  step(by) {
    const to = this.at + by;
    if (to < 0 || to >= this.items.length) return false;
    this.at = to;
    return true;
  }

  jump(key) {
    const to = this.items.findIndex((item) => item.key === key);
    if (to >= 0) this.at = to;
    return to >= 0;
  }

  /** True if it was the current one: the next one is current then, or the last, or none. */
  remove(key) {
    const from = this.items.findIndex((item) => item.key === key);
    if (from < 0) return false;
    const current = from === this.at;
    this.items.splice(from, 1);
    if (from < this.at || this.at === this.items.length) this.at -= 1;
    return current;
  }

  /** Put a song at another place of the list. The current one stays current. */
  move(key, to) {
    const from = this.items.findIndex((item) => item.key === key);
    const place = Math.max(0, Math.min(to, this.items.length - 1));
    if (from < 0 || from === place) return false;
    const current = this.current?.key;
    const [item] = this.items.splice(from, 1);
    this.items.splice(place, 0, item);
    this.at = this.items.findIndex((other) => other.key === current);
    return true;
  }

  /** Nothing comes after the current one. */
  clearComing() {
    this.items.length = this.at + 1;
  }

  toJSON() {
    return { items: this.items, at: this.at };
  }

  /** The queue that `toJSON` gave; what makes no sense gives an empty one. */
  static of(saved) {
    const queue = new Queue();
    const items = Array.isArray(saved?.items) ? saved.items.slice(0, MOST) : [];
    if (items.every((item) => typeof item?.id === "string")) {
      queue.items = items.map((item) => queue.#item(item, item.by));
      if (Number.isInteger(saved?.at)) queue.at = Math.min(saved.at, items.length - 1);
    }
    return queue;
  }
}
