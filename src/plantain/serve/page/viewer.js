// The picture with its layers. Python gives props.value = {id, size: [width, height], layers: [{name, image, legend}],
// over}; server.read_points answers what is at points of the photo.

const HINT = "Point at the picture to read a value; click two points to get the distance between them.";
const GAP = 14; // pixels between the pointer and what is said
const part = (name) => element.querySelector(`.pl-${name}`);
const figure = part("viewer"), stage = part("stage"), under = part("under"), over = part("over");
const cross = part("cross"), tip = part("tip"), choices = part("choices"), points = part("points");
const legend = part("legend"), opacity = part("opacity").querySelector("input");
const group = `layer-${Math.random().toString(36).slice(2)}`;
let shown = null; // the value that is on the stage
let marks = []; // points in pixels of the photo, two at most
let cursor = null; // where the cross of the keyboard is, 0..1
const asked = { pointer: 0, marks: 0 }; // how many readings were asked for: only the newest of each is told

function show() {
  const value = props.value;
  shown = value && value.layers ? value : null;
  figure.toggleAttribute("data-empty", !shown);
  for (const mark of stage.querySelectorAll(".pl-mark")) mark.remove();
  choices.replaceChildren();
  [marks, cursor] = [[], null];
  asked.marks += 1;
  hide();
  points.replaceChildren(line(shown ? HINT : ""));
  if (!shown) return;
  stage.style.aspectRatio = `${shown.size[0]} / ${shown.size[1]}`;
  stage.style.setProperty("--shape", shown.size[0] / shown.size[1]);
  under.src = shown.layers[0].image.url;
  under.alt = shown.layers[0].view;
  pick(shown.layers[shown.over]);
}

// Two rows of choices: which answer, where there are several, and what of it is seen.
function pick(layer) {
  const others = shown.layers.slice(1);
  const abouts = [...new Set(others.map((one) => one.about))];
  const of = (about) => others.filter((one) => one.about === about);
  const again = (about) => of(about).find((one) => one.view === layer.view) || of(about)[0];
  const rows = [row("View", of(layer.about).map((one) => [one.view, one, one === layer]))];
  if (abouts.length > 1) rows.unshift(row("Answer", abouts.map((one) => [one, again(one), one === layer.about])));
  const focused = choices.contains(document.activeElement) && document.activeElement.dataset.key;
  choices.replaceChildren(...rows);
  if (focused) choices.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  over.src = layer.image.url;
  over.alt = `${layer.view} ${layer.about}`;
  legend.hidden = !layer.legend;
  if (layer.legend) {
    legend.src = layer.legend.url;
    legend.alt = `what the colors of the ${layer.view} mean`;
  }
}

function row(name, entries) {
  const made = document.createElement("div");
  made.setAttribute("role", "radiogroup");
  made.setAttribute("aria-label", name);
  for (const [text, layer, checked] of entries) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "radio", name: `${group}-${name}`, checked });
    input.dataset.key = `${name} ${text}`;
    input.addEventListener("change", () => pick(layer));
    label.append(input, text);
    made.append(label);
  }
  return made;
}

function line(text, kind = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = kind;
  return made;
}

// ---- reading

async function read(who, places) {
  const number = ++asked[who];
  try {
    const told = await server.read_points([shown.id, places]);
    return number === asked[who] ? told : null;
  } catch {
    return { error: "The server does not answer; load the page again." };
  }
}

const pixels = ([x, y]) => [x * shown.size[0], y * shown.size[1]];

function place(event) {
  const box = stage.getBoundingClientRect();
  const share = (value) => Math.min(Math.max(value, 0), 0.999999);
  return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

function put(thing, [x, y]) {
  thing.style.left = `${100 * x}%`;
  thing.style.top = `${100 * y}%`;
  thing.hidden = false;
}

function hide() {
  cross.hidden = tip.hidden = true;
}

let waiting = null; // the newest place that the pointer was at
let busy = false;
async function hover(at) {
  waiting = at;
  if (busy) return;
  busy = true;
  while (waiting && shown) {
    const now = waiting;
    waiting = null;
    const told = await read("pointer", [pixels(now)]);
    if (told && !waiting && (told.error || told.points)) tell(now, told);
  }
  busy = false;
}

function tell(at, told) {
  tip.textContent = told.error || told.points[0].join("\n");
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip; // beside the place, and never over the border
  const left = at[0] * stage.clientWidth + (at[0] > 0.5 ? -width - GAP : GAP);
  const top = at[1] * stage.clientHeight + (at[1] > 0.5 ? -height - GAP : GAP);
  tip.style.left = `${Math.min(Math.max(left, 0), Math.max(stage.clientWidth - width, 0))}px`;
  tip.style.top = `${Math.min(Math.max(top, 0), Math.max(stage.clientHeight - height, 0))}px`;
}

async function mark(at) {
  if (!shown) return;
  if (marks.length > 1) clear();
  marks.push(at);
  const dot = document.createElement("div");
  dot.className = "pl-mark";
  dot.textContent = marks.length;
  put(dot, at);
  stage.append(dot);
  await retell();
}

async function retell() {
  if (!shown || !marks.length) return;
  const told = await read("marks", marks.map(pixels));
  if (!told) return;
  if (told.error) return points.replaceChildren(line(told.error, "pl-bad"));
  const lines = told.points.map((said, i) => line(`${i + 1}: ${said.join(" · ")}`));
  if (told.apart) lines.push(line(`1 to 2: ${told.apart}`, "pl-apart"));
  points.replaceChildren(...lines);
}

function clear() {
  marks = [];
  asked.marks += 1;
  for (const dot of stage.querySelectorAll(".pl-mark")) dot.remove();
  points.replaceChildren(line(HINT));
}

// ---- pointer and keyboard

stage.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "mouse" || !shown) return;
  hover(place(event));
});
stage.addEventListener("pointerleave", () => {
  waiting = null;
  asked.pointer += 1;
  hide();
});
stage.addEventListener("click", (event) => mark(place(event)));
stage.addEventListener("blur", hide);
opacity.addEventListener("input", () => (over.style.opacity = opacity.value / 100));
over.style.opacity = opacity.value / 100;

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
stage.addEventListener("keydown", (event) => {
  if (!shown) return;
  if (event.key === "Escape") return clear();
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    return mark(cursor || [0.5, 0.5]);
  }
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const far = event.shiftKey ? 0.1 : 0.01;
  const from = cursor || [0.5, 0.5];
  cursor = from.map((share, axis) => Math.min(Math.max(share + far * step[axis], 0), 0.999999));
  put(cross, cursor);
  hover(cursor);
});

watch("value", show);
watch("camera", retell);
show();
