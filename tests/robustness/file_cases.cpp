// What may lie where a file is expected.

#include <algorithm>
#include <iterator>

#include "tests/robustness/input_kinds.hpp"
#include "tests/robustness/mutation.hpp"

namespace robustness {
namespace {

using type = placed_file::type;

struct special {
  type is;
  std::string content;
  std::size_t times = 1;  // that the content stands there
};

// In place of the file.
const special specials[] = {{type::file, ""},
                            {type::folder, ""},
                            {type::link, "nowhere"},
                            {type::link, "/dev/null"},
                            {type::link, "/dev/zero"},
                            {type::link, "/dev/full"},
                            {type::link, "/dev/fd/9"},
                            {type::link, "/proc/self/mem"},
                            {type::link, "/proc/self/cmdline"},
                            {type::link, LATENCY_TOOL},
                            {type::file, {'\0'}, 1 << 20},
                            {type::file, "\n", 1 << 20},
                            {type::file, "\xff", 1 << 20},
                            {type::file, "[", 1 << 20},
                            {type::file, "{\"a\":", 1 << 18},
                            {type::file, "\"", 1 << 20},
                            {type::file, "1,", 1 << 19}};

// What depends on the kind: a file that may not be read, a link to itself, a fifo that nobody
// writes to (for programs that take regular files only: the others rightly wait for a writer).
std::vector<placed_file> own_specials(const input_kind& kind) {
  std::vector<placed_file> all = {{kind.file, kind.seeds.front(), type::unreadable},
                                  {kind.file, kind.file, type::link}};
  const bool takes_pipes = std::any_of(kind.uses.begin(), kind.uses.end(),
                                       [](const use& u) { return !u.piped_as.empty(); });
  if (!takes_pipes) all.push_back({kind.file, "", type::fifo});
  return all;
}

std::vector<std::size_t> truncations(const std::string& seed) {
  constexpr std::size_t most = 300;
  const std::vector<std::size_t> offsets = interesting_offsets(seed);
  if (offsets.size() <= most) return offsets;
  std::vector<std::size_t> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(offsets[i * offsets.size() / most]);
  return some;
}

const use& file_use(const input_kind& kind, std::size_t index) {
  std::vector<const use*> uses;
  for (const use& u : kind.uses)
    if (u.piped_as.empty()) uses.push_back(&u);
  return *uses[index % uses.size()];
}

test_case case_of(const input_kind& kind, const use& how, const placed_file& input) {
  test_case made;
  made.files = kind.companions;
  made.files.push_back(input);
  made.arguments = how.arguments;
  for (std::string& argument : made.arguments)
    if (argument == "FILE") argument = kind.file;
  made.piped = input.content;
  made.named = {how.piped_as.empty() ? kind.file : how.piped_as};
  if (kind.describes_others) {
    for (const placed_file& other : kind.companions) made.named.push_back(other.path);
    made.named.insert(made.named.end(), {"no such file", "not a regular file", "cannot open"});
  }
  made.may_judge = how.may_judge;
  made.may_run_long = kind.may_run_long;
  return made;
}

}  // namespace

test_case file_case(const std::vector<input_kind>& kinds, const input_kind& kind,
                    std::uint64_t seed, std::size_t index) {
  if (index < std::size(specials)) {
    const special& there = specials[index];
    std::string content;
    for (std::size_t i = 0; i < there.times; ++i) content += there.content;
    return case_of(kind, file_use(kind, index), {kind.file, content, there.is});
  }
  index -= std::size(specials);

  const std::vector<placed_file> own = own_specials(kind);
  if (index < own.size()) return case_of(kind, file_use(kind, index), own[index]);
  index -= own.size();

  if (index < kind.slow.size() * kind.uses.size())
    return case_of(kind, kind.uses[index / kind.slow.size()],
                   {kind.file, kind.slow[index % kind.slow.size()]});
  index -= kind.slow.size() * kind.uses.size();

  if (index < kinds.size())  // a good file of another kind
    return case_of(kind, kind.uses[index % kind.uses.size()],
                   {kind.file, kinds[index].seeds.front()});
  index -= kinds.size();

  for (const std::string& good : kind.seeds) {
    const std::vector<std::size_t> ends = truncations(good);
    if (index < ends.size()) {
      std::string cut = good.substr(0, ends[index]);
      if (kind.repair != nullptr && index % 2 == 1) kind.repair(cut);
      return case_of(kind, kind.uses[index % kind.uses.size()], {kind.file, cut});
    }
    index -= ends.size();
  }

  random_numbers random(seed_of(kind.name, seed, index));
  const std::string& other = random.pick(random.pick(kinds).seeds);
  std::string bytes = damaged(random.pick(kind.seeds), other, random);
  if (kind.repair != nullptr && bytes.size() > 16 && random.one_in(2)) kind.repair(bytes);
  return case_of(kind, random.pick(kind.uses), {kind.file, bytes});
}

}  // namespace robustness
