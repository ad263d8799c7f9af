// Package rawjson has what scanners of JSON share: finding the end of plain text in a string, escapes in both directions, the grammar of
// numbers. It works on text and decodes nothing that is only passed on. The scanners themselves differ in what they keep, in which
// errors they report and in what they forgive, and stay with the services they are made for.
package rawjson
