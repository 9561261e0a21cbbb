// The script of a page that needs no other script: dates in the language and the time zone of the visitor.

import { localize } from "./format.js";

localize(document);
