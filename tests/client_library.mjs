// Asks a server through the npm package subsonic-api.
//
//     node client_library.mjs FOLDER_OF_THE_PACKAGE URL TOKEN < asks.json
//
// asks.json: [{method, query}]. Printed, for each: {json} as the library gave it, {type, bytes} of a
// file, or {} for a method that the library does not have.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, url, password] = process.argv.slice(2);
const { main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
const { SubsonicAPI } = await import(pathToFileURL(join(folder, main)).href);
const client = new SubsonicAPI({ url, auth: { username: "anyone", password } });

async function ask({ method, query }) {
  if (method === "noSuchMethod") return { json: await client.customJSON(method, query) };
  if (typeof client[method] !== "function") return {};
  const came = await client[method](query);
  if (!(came instanceof Response)) return { json: came };
  const type = came.headers.get("content-type");
  if (type.startsWith("application/json")) return { json: (await came.json())["subsonic-response"] };
  return { type, bytes: (await came.arrayBuffer()).byteLength };
}

const answers = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) answers.push(await ask(one));
console.log(JSON.stringify(answers));
