// What the demo's tags load: says in the page which category let it in.
"use strict";
{
  const line = document.createElement("li");
  const category = new URL(document.currentScript.src).searchParams.get("category");
  line.textContent = `The ${category} tag runs since ${new Date().toLocaleTimeString()}.`;
  document.getElementById("tags-running").append(line);
}
