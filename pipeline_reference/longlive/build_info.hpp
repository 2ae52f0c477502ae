#pragma once
// What was built.

namespace longlive {

// The commit of the sources at build time, with "-dirty" after it when they had been changed;
// "unknown" outside a git checkout.
[[nodiscard]] const char* git_commit();

}  // namespace longlive
