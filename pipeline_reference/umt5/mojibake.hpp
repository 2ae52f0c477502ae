#pragma once
// Undoes UTF-8 that was read as Latin-1 or Windows-1252 ("sÃ³" for "só").

#include <string>
#include <string_view>

namespace umt5 {

// `text` read as UTF-8 again, as often as it takes, where all of it can be and some of it looks
// misread by ftfy's heuristic; otherwise `text`. Every pass shortens the text.
[[nodiscard]] std::u32string undo_mojibake(std::u32string text);

// The character of Windows-1252 in the place of a C1 control (U+0080 to U+009F); the control itself
// where there is none.
[[nodiscard]] char32_t windows_1252(char32_t c1_control);

}  // namespace umt5
