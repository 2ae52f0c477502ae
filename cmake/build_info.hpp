#pragma once
// What was built.

namespace build_info {

// The commit of the sources at build time, with "-dirty" after it when they had been changed;
// "unknown" outside a git checkout.
[[nodiscard]] const char* git_commit();

}  // namespace build_info
