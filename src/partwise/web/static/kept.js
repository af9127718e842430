// What outlasts a page: of this tab ("session") or of this browser ("local"). Where storage is
// switched off, nothing is kept, and everything else works.

function place(kind) {
  return kind === "local" ? window.localStorage : window.sessionStorage;
}

export function read(name, kind = "session") {
  try {
    return JSON.parse(place(kind).getItem(`partwise-${name}`) ?? "null");
  } catch {
    return null;
  }
}

export function write(name, value, kind = "session") {
  try {
    place(kind).setItem(`partwise-${name}`, JSON.stringify(value));
  } catch {
    // switched off, or full
  }
}
