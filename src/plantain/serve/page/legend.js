// Words and colors of a legend: props.value = [{name, color: "#rrggbb"}, ...].

const rows = element.querySelector(".pl-rows");
const SPARE = ["#e6194b", "#3cb44b", "#4363d8", "#ffe119", "#f58231", "#911eb4", "#42d4f4", "#f032e6"];

function row({ name, color }) {
  const made = document.createElement("div");
  made.className = "pl-row";
  made.setAttribute("role", "listitem");
  const pick = Object.assign(document.createElement("input"), { type: "color", value: color });
  const text = Object.assign(document.createElement("input"), { type: "text", value: name, placeholder: "a class" });
  const away = Object.assign(document.createElement("button"), { type: "button", textContent: "\u00d7" });
  pick.setAttribute("aria-label", "color of the class");
  text.setAttribute("aria-label", "name of the class");
  away.setAttribute("aria-label", "take the class away");
  away.addEventListener("click", () => {
    made.remove();
    told();
  });
  for (const input of [pick, text]) input.addEventListener("input", told);
  made.append(pick, text, away);
  return made;
}

function told() {
  props.value = [...rows.children].map((one) => {
    const [color, name] = one.querySelectorAll("input");
    return { name: name.value, color: color.value };
  });
}

function show() {
  rows.replaceChildren(...(props.value || []).map(row));
}

element.querySelector(".pl-add").addEventListener("click", () => {
  const taken = [...rows.querySelectorAll("[type=color]")].map((one) => one.value);
  const made = row({ name: "", color: SPARE.find((one) => !taken.includes(one)) || "#888888" });
  rows.append(made);
  made.querySelector("[type=text]").focus();
  told();
});

watch("value", show);
show();
