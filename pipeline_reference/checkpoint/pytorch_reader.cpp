#include "pipeline_reference/checkpoint/pytorch_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/little_endian.hpp"
#include "pipeline_reference/checkpoint/pickle_reader.hpp"
#include "pipeline_reference/checkpoint/pytorch_globals.hpp"
#include "pipeline_reference/checkpoint/zip_directory.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

constexpr int most_nesting = 32;
constexpr std::size_t most_visits = 4 << 20, most_tensors = 1 << 17, most_name_bytes = 1024;
constexpr int newest_version = 10;  // of the archive, that is known

// The entries of an archive below its one root folder.
class pytorch_archive {
 public:
  pytorch_archive(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes), entries_(parse_zip_directory(path, bytes)) {
    if (entries_.empty()) throw latency::error(path, "", "a zip file without entries");
    root_ = entries_.front().name.substr(0, entries_.front().name.find('/')) + "/";
    for (const zip_entry& entry : entries_) {
      if (entry.name.rfind(root_, 0) != 0)
        throw latency::error(path, files::printable(entry.name),
                             "lies outside of " + files::printable(root_) +
                                 ", the one folder of a file by torch.save");
      by_name_.emplace(std::string_view(entry.name).substr(root_.size()), &entry);
    }
  }

  // Null when there is none.
  [[nodiscard]] const zip_entry* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end()) return nullptr;
    if (found->second->compressed)
      throw latency::error(path_, files::printable(found->second->name),
                           "is compressed, which torch.save never does: unpack the file and pack "
                           "it again with zip -0 -r");
    return found->second;
  }
  [[nodiscard]] std::span<const std::byte> bytes_of(const zip_entry& entry) const {
    return bytes_.subspan(entry.offset_bytes, entry.size_bytes);
  }

  // The archive holds tensors of this byte order, in a known version. Returns its pickle.
  [[nodiscard]] std::span<const std::byte> checked_pickle() const {
    const zip_entry* pickle = find("data.pkl");
    if (pickle == nullptr)
      throw latency::error(path_, "", "a zip file, but not by torch.save: it has no data.pkl");
    if (find("constants.pkl") != nullptr)
      throw latency::error(path_, "", "a TorchScript program, expected a state dict of torch.save");
    if (const zip_entry* order = find("byteorder");
        order != nullptr && as_text(bytes_of(*order)) != "little")
      throw latency::error(path_, "byteorder",
                           "expected little, found " + files::printable(as_text(bytes_of(*order))));
    const zip_entry* version = find(".data/version");
    if (version == nullptr) version = find("version");
    if (version != nullptr) check_version(as_text(bytes_of(*version)));
    return bytes_of(*pickle);
  }

 private:
  void check_version(std::string_view text) const {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    int number = 0;
    for (const char c : text) number = std::min(number, 1000) * 10 + (c - '0');
    const bool digits = text.find_first_not_of("0123456789") == std::string_view::npos;
    if (text.empty() || !digits || number > newest_version)
      throw latency::error(
          path_, "version",
          fmt::format("expected at most {}, found {}", newest_version, files::printable(text)));
  }

  const std::string& path_;
  std::span<const std::byte> bytes_;
  std::vector<zip_entry> entries_;
  std::string root_;
  std::unordered_map<std::string_view, const zip_entry*> by_name_;  // views into entries_
};

// Row-major strides are left out; those of extents below 2 never matter.
std::vector<std::int64_t> normalized(std::vector<std::int64_t> strides, const tensor_shape& shape) {
  bool row_major = true;
  std::int64_t expected = 1;
  for (std::size_t d = shape.size(); d-- > 0; expected *= shape[d]) {
    if (shape[d] < 2)
      strides[d] = 0;
    else
      row_major = row_major && strides[d] == expected;
  }
  return row_major ? std::vector<std::int64_t>{} : strides;
}

// Walks the tree that the pickle builds and collects its tensors.
class tensor_collector {
 public:
  tensor_collector(const std::string& path, const pytorch_archive& archive, const pickle_tree& tree)
      : path_(path), archive_(archive), tree_(tree) {}

  std::vector<tensor_entry> collect() {
    visit(tree_.root, "", 0);
    return std::move(entries_);
  }

 private:
  [[noreturn]] void fail(const pickle_value& at, const std::string& message) const {
    throw latency::error(path_, fmt::format("data.pkl: byte {}", at.byte), message);
  }
  [[noreturn]] void fail(const std::string& tensor, const std::string& message) const {
    throw latency::error(path_, files::printable(tensor), message);
  }
  [[nodiscard]] const pickle_value& value(std::uint32_t index) const { return tree_.values[index]; }

  void visit(std::uint32_t index, const std::string& name, int depth) {
    const pickle_value& at = value(index);
    // Values may contain each other, or one another a million times over.
    if (depth > most_nesting) fail(at, fmt::format("nested deeper than {}", most_nesting));
    if (++visits_ > most_visits) fail(at, fmt::format("more than {} values", most_visits));
    if (name.size() > most_name_bytes)
      fail(at, fmt::format("keys of more than {} bytes", most_name_bytes));
    const std::string prefix = name.empty() ? "" : name + ".";
    if (at.type == pickle_type::dictionary) {
      for (std::size_t i = 0; i < at.items.size(); i += 2)
        visit(at.items[i + 1], prefix + key_text(value(at.items[i])), depth + 1);
    } else if (at.type == pickle_type::list || at.type == pickle_type::tuple) {
      for (std::size_t i = 0; i < at.items.size(); ++i)
        visit(at.items[i], prefix + std::to_string(i), depth + 1);
    } else if (at.type == pickle_type::call) {
      const global_role role = pytorch_global_at(at.integer).role;
      if (role == global_role::parameter)
        visit(argument(at, 0, "a tensor"), name, depth + 1);
      else if (role != global_role::other)
        add_tensor(at, role, name.empty() ? "tensor" : name);
    }
  }

  [[nodiscard]] std::string key_text(const pickle_value& key) const {
    if (key.type == pickle_type::integer) return std::to_string(key.integer);
    if (key.type != pickle_type::text) fail(key, "expected a text or an integer as a key");
    if (key.text.size() > most_name_bytes)
      fail(key, fmt::format("keys of more than {} bytes", most_name_bytes));
    return std::string(key.text);
  }

  // Arguments of a call, or the items of a tuple among them.
  [[nodiscard]] const std::vector<std::uint32_t>& arguments(const pickle_value& call) const {
    return value(call.items[0]).items;
  }
  [[nodiscard]] std::uint32_t argument(const pickle_value& call, std::size_t i,
                                       const char* what) const {
    const std::vector<std::uint32_t>& all = arguments(call);
    if (i >= all.size()) fail(call, fmt::format("expected {} as argument {}", what, i));
    return all[i];
  }
  [[nodiscard]] const pickle_value& argument(const pickle_value& call, std::size_t i,
                                             pickle_type type, const char* what) const {
    const pickle_value& found = value(argument(call, i, what));
    if (found.type != type) fail(call, fmt::format("expected {} as argument {}", what, i));
    return found;
  }
  [[nodiscard]] std::vector<std::int64_t> integers(const pickle_value& tuple) const {
    if (tuple.items.size() > most_dimensions)
      fail(tuple, fmt::format("a tensor of more than {} dimensions", most_dimensions));
    std::vector<std::int64_t> numbers;
    for (const std::uint32_t item : tuple.items) {
      if (value(item).type != pickle_type::integer) fail(tuple, "expected a tuple of integers");
      numbers.push_back(value(item).integer);
    }
    return numbers;
  }

  struct storage {
    std::string key;
    tensor_dtype dtype{};
    std::int64_t elements = 0;
    const zip_entry* data = nullptr;
  };

  // ("storage", class, key, device, number of elements)
  [[nodiscard]] storage find_storage(const pickle_value& persistent) const {
    const pickle_value& id = value(persistent.items[0]);
    if (id.type != pickle_type::tuple || id.items.size() != 5)
      fail(persistent, "expected a storage's tuple of 5");
    const pickle_value &kind = value(id.items[0]), &type = value(id.items[1]),
                       &key = value(id.items[2]), &elements = value(id.items[4]);
    if (kind.type != pickle_type::text || kind.text != "storage" ||
        type.type != pickle_type::global ||
        pytorch_global_at(type.integer).role != global_role::storage ||
        key.type != pickle_type::text || key.text.size() > most_name_bytes ||
        elements.type != pickle_type::integer || elements.integer < 0)
      fail(persistent, "expected (\"storage\", class, key, device, number of elements)");
    storage found{std::string(key.text), pytorch_global_at(type.integer).dtype, elements.integer,
                  archive_.find("data/" + std::string(key.text))};
    if (found.data == nullptr)
      fail(persistent, "names the storage data/" + files::printable(key.text) +
                           ", which the file does not hold");
    const std::uint64_t element_bytes = dtype_bytes(found.dtype);
    if (found.data->size_bytes % element_bytes != 0 ||
        found.data->size_bytes / element_bytes != static_cast<std::uint64_t>(found.elements))
      fail(persistent, fmt::format("claims {} elements of {} for data/{}, which holds {} bytes",
                                   found.elements, dtype_name(found.dtype),
                                   files::printable(key.text), found.data->size_bytes));
    return found;
  }

  // Arguments: storage, offset, shape, strides, requires_grad, hooks[, dtype][, metadata]
  void add_tensor(const pickle_value& call, global_role role, const std::string& name) {
    storage from = find_storage(argument(call, 0, pickle_type::persistent, "a storage"));
    std::size_t metadata = 6;
    if (role == global_role::typed_tensor) {
      const pickle_value& dtype = argument(call, 6, pickle_type::global, "a dtype");
      if (pytorch_global_at(dtype.integer).role != global_role::dtype)
        fail(call, "expected a dtype as argument 6");
      from.elements = static_cast<std::int64_t>(
          from.data->size_bytes / dtype_bytes(pytorch_global_at(dtype.integer).dtype));
      from.dtype = pytorch_global_at(dtype.integer).dtype;
      metadata = 7;
    }
    if (arguments(call).size() > metadata &&
        !argument(call, metadata, pickle_type::dictionary, "a dictionary").items.empty())
      fail(name, "is conjugated, negated or otherwise more than a view of its storage");

    tensor_entry entry;
    entry.name = name;
    entry.dtype = from.dtype;
    entry.shape = integers(argument(call, 2, pickle_type::tuple, "a tuple"));
    entry.strides = integers(argument(call, 3, pickle_type::tuple, "a tuple"));
    check_extent(argument(call, 1, pickle_type::integer, "an integer").integer, from, entry);
    if (entries_.size() == most_tensors)
      fail(name, fmt::format("more than {} tensors", most_tensors));
    if (!names_.insert(name).second) fail(name, "the name stands there twice");
    entries_.push_back(std::move(entry));
  }

  // All elements that shape and strides reach lie in the storage. Sets what depends on them.
  void check_extent(std::int64_t offset, const storage& from, tensor_entry& entry) const {
    if (entry.strides.size() != entry.shape.size())
      fail(entry.name,
           fmt::format("{} extents but {} strides", entry.shape.size(), entry.strides.size()));
    const auto too_large = [&] {
      fail(entry.name,
           fmt::format("shape {} with strides {} from element {} on does not fit the {} "
                       "elements of data/{}",
                       shape_text(entry.shape), shape_text(entry.strides), offset, from.elements,
                       files::printable(from.key)));
    };
    std::int64_t bound = 1;  // as if no extent were zero: later code may multiply in any order
    std::int64_t last = offset;
    for (std::size_t d = 0; d < entry.shape.size(); ++d) {
      std::int64_t reach = 0;
      if (entry.shape[d] < 0 || entry.strides[d] < 0 ||
          __builtin_mul_overflow(bound, std::max<std::int64_t>(entry.shape[d], 1), &bound) ||
          __builtin_mul_overflow(std::max<std::int64_t>(entry.shape[d] - 1, 0), entry.strides[d],
                                 &reach) ||
          __builtin_add_overflow(last, reach, &last))
        too_large();
      entry.elements *= entry.shape[d];
    }
    const bool empty = entry.elements == 0;
    if (offset < 0 || offset > from.elements || entry.elements > from.elements ||
        (!empty && last >= from.elements) || bound > most_bytes / 16)
      too_large();
    entry.strides = normalized(std::move(entry.strides), entry.shape);
    entry.offset_bytes =
        from.data->offset_bytes + static_cast<std::uint64_t>(offset) * dtype_bytes(entry.dtype);
  }

  static constexpr std::int64_t most_bytes = std::int64_t{1} << 62;

  const std::string& path_;
  const pytorch_archive& archive_;
  const pickle_tree& tree_;
  std::size_t visits_ = 0;
  std::vector<tensor_entry> entries_;
  std::unordered_set<std::string> names_;
};

}  // namespace

std::vector<tensor_entry> parse_pytorch(const std::string& path, std::span<const std::byte> bytes) {
  const pytorch_archive archive(path, bytes);
  const pickle_tree tree =
      read_pickle(path, "data.pkl", archive.checked_pickle(), allowed_pytorch_globals());
  return tensor_collector(path, archive, tree).collect();
}

}  // namespace checkpoint
