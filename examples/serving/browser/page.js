// A form made of the model's interface; the address may fill it: index.html?tenure=3&contract=month

import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { Model } from "./model.js";

const at = (id) => document.getElementById(id);

function field({ column, labels, typical }) {
  const label = document.createElement("label");
  const input = document.createElement(labels ? "select" : "input");
  input.name = column;
  if (labels) {
    input.append(new Option("(missing)", ""), ...labels.map((one) => new Option(one, one)));
  } else {
    Object.assign(input, { type: "number", step: "any", placeholder: typical ?? "" });
  }
  label.append(column, input);
  return label;
}

function show(answers) {
  at("answers").replaceChildren(...Object.entries(answers).map(([name, value]) => {
    const row = document.createElement("tr");
    const shown = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(4) : value;
    for (const text of [name, shown]) row.insertCell().textContent = text;
    row.dataset.value = value;
    return row;
  }));
}

async function main() {
  ort.env.wasm.numThreads = 1; // more of them need headers that isolate the page
  const model = await Model.open(ort, "model");
  at("name").textContent = model.told.name;
  at("form").append(...model.told.fields.map(field));
  const answer = async () => {
    const [answers] = await model.predict([Object.fromEntries(new FormData(at("form")))]);
    show(answers);
  };
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (at("form").elements[name]) at("form").elements[name].value = value;
  }
  at("form").addEventListener("input", answer);
  await answer();
}

main().catch((error) => { at("fault").textContent = error.message; });
