// The pure functions of the page; run by test_page_functions.py under `node --test`.

import assert from "node:assert/strict";
import test from "node:test";

const folder = process.env.PARTWISE_STATIC;
const { rank, rerank, tableOf } = await import(`${folder}/rank.js`);
const state = await import(`${folder}/state.js`);
const conditions = await import(`${folder}/conditions.js`);
const { inWords } = await import(`${folder}/lanes.js`);

const { secondsOf } = await import(`${folder}/parts.js`);

const A = "a".repeat(32);
const B = "b".repeat(32);

function hit(id, similarities) {
  const none = { drums: null, bass: null, piano: null, guitar: null, other: null };
  return { track_id: id, similarities: { ...none, ...similarities } };
}

const HITS = [
  hit("both", { drums: 0.5, bass: 0.4 }),
  hit("drums", { drums: 0.9 }),
  hit("bass", { drums: 0.1, bass: 0.9 }),
];
const order = (weights) => rerank(HITS, weights).map((h) => h.track_id);

test("the score is the weighted mean of the similarities", () => {
  const [first] = rerank(HITS, { drums: 3, bass: 1 });
  assert.equal(first.track_id, "both");
  assert.ok(Math.abs(first.score - (3 * 0.5 + 0.4) / 4) < 1e-12);
  assert.equal(first.rank, 1);
});

test("a hit without a wanted part comes after all that have it", () => {
  assert.deepEqual(order({ drums: 1 }), ["drums", "both", "bass"]);
  assert.deepEqual(order({ drums: 1, bass: 0.01 }), ["both", "bass", "drums"]);
});

test("ties keep the order of the answer", () => {
  const same = [hit("x", { bass: 0.5 }), hit("y", { bass: 0.5 }), hit("z", { bass: 0.6 })];
  assert.deepEqual(rerank(same, { bass: 1 }).map((h) => h.track_id), ["z", "x", "y"]);
});

test("nothing is ranked when no part is asked for", () => {
  assert.equal(rank(tableOf(HITS), { drums: 0 }), null);
});

test("five hundred hits are ranked well within a frame", () => {
  const many = Array.from({ length: 500 }, (_, i) => hit(String(i), { drums: Math.sin(i), bass: Math.cos(i) }));
  const table = tableOf(many);
  for (let i = 0; i < 50; i += 1) rank(table, { drums: 1, bass: i / 50 });
  const began = performance.now();
  for (let i = 0; i < 20; i += 1) rank(table, { drums: 1, bass: i / 20 });
  assert.ok((performance.now() - began) / 20 < 8);
});

test("a question survives its address", () => {
  const question = state.newQuestion();
  question.songs = [{ id: A }, { id: B }];
  question.seeds.bass = { id: `upload-${A}` };
  question.faders.drums = 0.25;
  question.solo.add("bass");
  question.mute.add("other");
  question.range = [10, 20.5];
  question.less_like = [{ id: B }];
  Object.assign(question, { text: "a b&c=ü#", year_from: 1990, duration_to_s: 300, max_per_artist: 2 });
  Object.assign(question, { max_per_album: 3, genre: "jazz", artists: "One; Two, Three & Co", not_artists: "Four" });
  question.has = { drums: true, guitar: false };
  question.enters_after_s = { drums: 65 };
  question.include_duplicates = true;
  const hash = state.toHash(question);
  assert.match(hash, new RegExp(`^songs=${A},${B}&bass=upload-`));
  const read = state.fromHash(`#${hash}`);
  assert.equal(state.toHash(read), hash);
  assert.deepEqual(read.range, [10, 20.5]);
  assert.deepEqual(state.queryOf(read).less_like, [{ song: B }]);
  assert.deepEqual(conditions.conditionsOf(read), {
    max_per_artist: 2,
    max_per_album: 3,
    artists: ["One", "Two, Three & Co"],
    not_artists: ["Four"],
    include_duplicates: true,
    filter: {
      text: "a b&c=ü#",
      genre: "jazz",
      year_from: 1990,
      duration_to_s: 300,
      has: ["drums"],
      has_not: ["guitar"],
      enters_after_s: { drums: 65 },
    },
  });
  assert.equal(conditions.countOf(read), 12);
});

test("what makes no sense in an address is left out", () => {
  const read = state.fromHash("#songs=../../x,<b>&drums=1&w=drums:-1,kazoo:1,bass:NaN&range=9-3&max=many&max-album=1.5&year-to=1e9&has=kazoo&enters=drums:-1,bass:x&less=../x");
  assert.ok(state.isEmpty(read));
  assert.equal(state.toHash(read), "");
});

test("times are minutes and seconds, or seconds", () => {
  assert.deepEqual(["1:05", "90", " 0:7 ", "1:75", "-3", "a", ""].map(secondsOf), [65, 90, 7, null, null, null, null]);
});

test("solo, mute and absent parts weigh nothing", () => {
  const question = state.newQuestion();
  question.mute.add("drums");
  assert.deepEqual(state.weightsOf(question), { drums: 0, bass: 1, piano: 1, guitar: 1, other: 1 });
  question.solo.add("bass");
  assert.deepEqual(state.weightsOf(question), { drums: 0, bass: 1, piano: 0, guitar: 0, other: 0 });
  const heard = ["drums", "other"];
  assert.deepEqual(state.weightsOf(question, heard), { drums: 0, bass: 0, piano: 0, guitar: 0, other: 1 });
});

test("a passage is asked of one song alone", () => {
  const question = state.newQuestion();
  question.songs = [{ id: A }];
  question.range = [1, 5];
  assert.deepEqual(state.queryOf(question).range, [1, 5]);
  question.seeds.drums = { id: B };
  assert.deepEqual(state.queryOf(question), { songs: [A], per_part_of: { drums: B }, less_like: [], range: null });
});

test("presence over time in words", () => {
  const found = { start_s: [0, 5, 10, 15], end_s: [10, 15, 20, 25], presence: {} };
  for (const part of ["drums", "bass", "piano", "guitar", "other"]) found.presence[part] = [0, 0, 0, 0];
  found.presence.guitar = [0.9, 0.9, 0.1, 0.8];
  assert.match(inWords(found), /Guitar from 0:00 to 0:10 and from 0:15 to 0:25\./);
  assert.match(inWords(found), /Drums is not heard\./);
});

// --- the queue

const { Queue, MOST } = await import(`${folder}/queue.js`);
const songs = (text) => [...text].map((id) => ({ id, title: id.toUpperCase() }));
const ids = (queue) => queue.items.map((item) => item.id).join("");
const queueOf = (text, at) => {
  const queue = new Queue();
  queue.play(songs(text), at);
  return queue;
};

test("a list is played from one of its songs on", () => {
  const queue = queueOf("abcd", 1);
  assert.equal(queue.current.id, "b");
  assert.ok(queue.step(1) && queue.step(1) && !queue.step(1));
  assert.equal(queue.current.id, "d");
  assert.ok(queue.step(-1));
  assert.equal(queue.current.id, "c");
});

test("what a hand has added outlasts another list and comes before radio", () => {
  const queue = queueOf("abc", 0);
  queue.addNext({ id: "x" });
  queue.addLast({ id: "y" });
  assert.equal(ids(queue), "axbcy");
  queue.play(songs("def"), 1);
  assert.equal(ids(queue), "dexyf");
  queue.dropList();
  queue.setRadio(songs("rs"));
  queue.addLast({ id: "z" });
  assert.equal(ids(queue), "dexyzrs");
  queue.setRadio(songs("t"));
  assert.equal(ids(queue), "dexyzt");
});

test("the current song stays current while others are moved and removed", () => {
  const queue = queueOf("abcde", 2);
  const key = (id) => queue.items.find((item) => item.id === id).key;
  assert.ok(queue.move(key("e"), 0));
  assert.equal(ids(queue), "eabcd");
  assert.equal(queue.remove(key("a")), false);
  assert.equal(queue.current.id, "c");
  assert.equal(queue.remove(key("c")), true);
  assert.equal(queue.current.id, "d");
  assert.equal(queue.remove(key("d")), true);
  assert.equal(queue.current.id, "b");
  assert.equal(queue.move(key("b"), 9), false); // it is the last one already
});

test("a queue is of limited length, and comes back as it was kept", () => {
  const long = queueOf("a".repeat(2 * MOST), MOST);
  assert.ok(long.items.length <= MOST && long.coming.length > MOST / 2);
  const queue = queueOf("abc", 1);
  const back = Queue.of(JSON.parse(JSON.stringify(queue)));
  assert.equal(ids(back), "abc");
  assert.equal(back.current.id, "b");
  for (const odd of [null, {}, { items: "x" }, { items: [{}] }]) assert.equal(Queue.of(odd).current, null);
});

const likeness = await import(`${folder}/likeness.js`);
const USUAL = { shares: [0, 0.5, 0.9, 0.99, 0.999], scores: [-1, 0.2, 0.6, 0.8, 0.9] };

test("a score lies above a share of random pairs", () => {
  assert.equal(likeness.shareBelow(null, 0.5), null);
  assert.equal(likeness.shareBelow({ shares: [], scores: [] }, 0.5), null);
  assert.equal(likeness.shareBelow(USUAL, -1.5), 0);
  assert.equal(likeness.shareBelow(USUAL, 0.95), 0.999);
  assert.ok(Math.abs(likeness.shareBelow(USUAL, 0.4) - 0.7) < 1e-9);
  assert.equal(likeness.endOf(USUAL), 0.2);
  assert.equal(likeness.endOf(null), null);
});

test("a share in words is rounded down", () => {
  assert.equal(likeness.inWords(0.9), "closer than 90\u00a0%");
  assert.equal(likeness.inWords(0.98999), "closer than 98\u00a0%");
  assert.equal(likeness.inWords(0.9996), "closer than 99.96\u00a0%");
  assert.equal(likeness.inWords(0.3), "");
  assert.equal(likeness.inWords(null), "");
});

test("hits that lack a part stand under a line, and the list ends where likeness ends", () => {
  const ranked = { order: [0, 1, 2, 3, 4], scores: [0.5, 0.3, -0.01, 0.4, 0.1], incomplete: [0, 0, 0, 1, 1] };
  assert.deepEqual(likeness.arrange(ranked, 0.2, false), { entries: [0, 1, "lacking", 3], rest: 2 });
  assert.deepEqual(likeness.arrange(ranked, 0.2, true).entries, [0, 1, "end", 2, "lacking", 3, 4]);
  assert.deepEqual(likeness.arrange(ranked, null, false).entries, [0, 1, 2, "lacking", 3, 4]);
});

test("a question in words, once all names are known", () => {
  const question = state.newQuestion();
  question.songs = [{ id: A, name: "One" }];
  question.range = [5, 65];
  assert.equal(state.labelOf(question), "One 0:05–1:05");
  question.seeds.drums = { id: B, name: "Two" };
  question.seeds.bass = question.seeds.drums;
  assert.equal(state.labelOf(question), "One + drums and bass of Two");
  question.less_like = [{ id: A, name: "Three" }];
  assert.equal(state.labelOf(question), "One + drums and bass of Two, less like Three");
  question.songs[0].name = "";
  assert.equal(state.labelOf(question), "");
});

test("where nothing weighs anything the page says what to do", () => {
  const question = state.newQuestion();
  for (const part of ["drums", "bass"]) question.mute.add(part);
  assert.match(state.howToHear(question, ["drums", "bass"]), /^Every part is muted/);
  question.mute.clear();
  for (const part of ["drums", "bass"]) question.faders[part] = 0;
  assert.match(state.howToHear(question, ["drums", "bass"]), /^Every fader is at zero/);
  question.faders.bass = 1;
  question.mute.add("bass");
  assert.match(state.howToHear(question, ["drums", "bass"]), /^No part counts/);
});
