import "./lib/other.js";
