// Two ways to draw many points: with the graphics processor, and pixel by pixel without one.
// Both have: show(points, colours, strong), resize(width, height), draw(view, paper), name.
// view: {x, y, scale}, the place at the centre, and CSS pixels per unit. strong: Uint8Array or null.

// More pixels than this cost more than they show; the browser then stretches the picture.
const MAX_PIXELS = 1_600_000;

// Names of graphics "processors" that are software: filling pixels ourselves is faster then (see
// benchmarks/map_fps.py). Browsers do not own up to it otherwise.
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** The best renderer that works, or the one that is asked for: "webgl" or "canvas". */
export function makeRenderer(canvas, asked) {
  if (asked === "webgl" || (asked !== "canvas" && hasGraphicsProcessor())) {
    return new WebGLPoints(canvas);
  }
  return new PixelPoints(canvas);
}

function hasGraphicsProcessor() {
  // On a canvas of its own: one that has held WebGL never draws in another way again.
  const gl = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const told = gl.getExtension("WEBGL_debug_renderer_info");
  const name = gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER);
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(String(name));
}

// In CSS pixels: smaller where there are many, larger the closer one looks.
function radiusOf(scale, height, count) {
  const whole = Math.max(1, Math.min(4, 70 / Math.sqrt(count)));
  return Math.max(1, Math.min(7, whole * Math.sqrt(scale / (height / 2))));
}

const VERTEX = `
attribute vec2 place; attribute vec4 colour; attribute float strong;
uniform vec2 centre; uniform vec2 unit; uniform float size;
varying vec4 shade;
void main() {
  gl_Position = vec4((place - centre) * unit, strong > 0.5 ? -0.5 : 0.0, 1.0);
  gl_PointSize = strong > 0.5 ? size * 1.8 : size;
  shade = colour;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 shade;
void main() {
  vec2 from = gl_PointCoord - vec2(0.5);
  if (dot(from, from) > 0.25) discard;
  gl_FragColor = shade;
}`;

class WebGLPoints {
  constructor(canvas) {
    this.name = "webgl";
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl", { antialias: false, alpha: false });
    if (!this.gl) throw new Error("WebGL is not available");
    this.#prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      if (this.shown) this.show(...this.shown);
      canvas.dispatchEvent(new Event("redraw"));
    });
  }

  #prepare() {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error("WebGL cannot draw points");
    gl.useProgram(program);
    this.places = Object.fromEntries(
      ["centre", "unit", "size"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.buffers = ["place", "colour", "strong"].map((name) => ({
      at: gl.getAttribLocation(program, name), buffer: gl.createBuffer(),
    }));
    gl.enable(gl.DEPTH_TEST);
    gl.depthFunc(gl.LEQUAL);
  }

  show(points, colours, strong) {
    this.shown = [points, colours, strong];
    const gl = this.gl;
    const places = new Float32Array(points.count * 2);
    for (let point = 0; point < points.count; point++) {
      places[2 * point] = points.x[point];
      places[2 * point + 1] = points.y[point];
    }
    const contents = [places, colours, strong ?? new Uint8Array(points.count)];
    const kinds = [[2, gl.FLOAT, false], [4, gl.UNSIGNED_BYTE, true], [1, gl.UNSIGNED_BYTE, false]];
    this.buffers.forEach(({ at, buffer }, number) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.bufferData(gl.ARRAY_BUFFER, contents[number], gl.STATIC_DRAW);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, ...kinds[number], 0, 0);
    });
  }

  resize(width, height) {
    this.width = width;
    this.height = height;
    this.ratio = Math.min(2, window.devicePixelRatio || 1);
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(view, paper) {
    const gl = this.gl;
    gl.clearColor(paper[0] / 255, paper[1] / 255, paper[2] / 255, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniform2f(this.places.centre, view.x, view.y);
    gl.uniform2f(this.places.unit, (2 * view.scale) / this.width, (-2 * view.scale) / this.height);
    const count = this.shown ? this.shown[0].count : 0;
    gl.uniform1f(this.places.size, 2 * this.ratio * radiusOf(view.scale, this.height, count));
    gl.drawArrays(gl.POINTS, 0, count);
  }
}

class PixelPoints {
  constructor(canvas) {
    this.name = "canvas";
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  }

  show(points, colours, strong) {
    this.points = points;
    this.words = new Uint32Array(points.count);
    for (let point = 0; point < points.count; point++) {
      this.words[point] = this.#word(colours[4 * point], colours[4 * point + 1], colours[4 * point + 2]);
    }
    this.strong = strong;
  }

  #word(red, green, blue) {
    return (this.little
      ? (255 << 24) | (blue << 16) | (green << 8) | red
      : (red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
  }

  resize(width, height) {
    const fits = Math.sqrt(MAX_PIXELS / Math.max(1, width * height));
    this.ratio = Math.min(window.devicePixelRatio || 1, fits);
    this.height = height;
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    this.image = this.context.createImageData(this.canvas.width, this.canvas.height);
    this.pixels = new Uint32Array(this.image.data.buffer);
  }

  draw(view, paper) {
    this.pixels.fill(this.#word(paper[0], paper[1], paper[2]));
    if (this.points) {
      const radius = radiusOf(view.scale, this.height, this.points.count) * this.ratio;
      this.#discs(view, radius, this.strong ? 0 : -1);
      if (this.strong) this.#discs(view, radius * 1.8, 1);
    }
    this.context.putImageData(this.image, 0, 0);
  }

  // Fill a disc a point; only: 0 or 1 for the points whose strong is that, -1 for all.
  #discs(view, radius, only) {
    const { pixels, words, strong } = this;
    const { x, y, count } = this.points;
    const width = this.canvas.width, height = this.canvas.height;
    const scale = view.scale * this.ratio;
    const left = width / 2 - view.x * scale, top = height / 2 - view.y * scale;
    const reach = Math.max(1, Math.round(radius));
    const halves = new Int32Array(2 * reach + 1);
    for (let row = -reach; row <= reach; row++) {
      halves[row + reach] = Math.sqrt(Math.max(0, (reach + 0.4) ** 2 - row * row));
    }
    for (let point = 0; point < count; point++) {
      if (only >= 0 && strong[point] !== only) continue;
      const px = (x[point] * scale + left) | 0, py = (y[point] * scale + top) | 0;
      if (px < reach || py < reach || px >= width - reach || py >= height - reach) continue;
      const word = words[point];
      let line = (py - reach) * width + px;
      for (let row = 0; row <= 2 * reach; row++, line += width) {
        const half = halves[row];
        for (let at = line - half; at <= line + half; at++) pixels[at] = word;
      }
    }
  }
}
