#pragma once
// Files as torch.save writes them, made by hand: an uncompressed zip64 archive and a pickle, every
// opcode of which can be chosen. Good ones and bad ones.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline_reference/checkpoint/tensor_entry.hpp"

namespace checkpoint::testing {

template <class T>
std::string little_endian_bytes(T value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xff);
  return out;
}

// Writes entries one after another to a sink; nothing but the directory is kept, so an archive may
// be larger than memory.
class zip_writer {
 public:
  explicit zip_writer(std::function<void(std::string_view)> sink) : sink_(std::move(sink)) {}

  // As torch.save: no sizes in the header but behind the data, which begin at a multiple of 64.
  void begin(const std::string& name) {
    entry_ = {name, written_, 0};
    std::uint64_t padding = 64 - (written_ + 30 + name.size() + 4) % 64;
    put(u32(0x04034b50) + u16(0) + u16(0x0808) + u16(0) + u32(0) + u32(0) + u32(0) + u32(0) +
        u16(name.size()) + u16(4 + padding) + name + "FB" + u16(padding) +
        std::string(padding, 'Z'));
  }
  void data(std::string_view bytes) {
    put(bytes);
    entry_.size += bytes.size();
  }
  void end() {
    put(u32(0x08074b50) + u32(0) + u64(entry_.size) + u64(entry_.size));
    entries_.push_back(entry_);
  }
  void add(const std::string& name, std::string_view bytes) {
    begin(name);
    data(bytes);
    end();
  }
  void finish() {
    const std::uint64_t directory = written_;
    for (const entry& e : entries_) put(directory_entry(e));
    const std::uint64_t size = written_ - directory, count = entries_.size();
    const std::uint64_t record = written_;
    put(u32(0x06064b50) + u64(44) + u16(0) + u16(0) + u32(0) + u32(0) + u64(count) + u64(count) +
        u64(size) + u64(directory));
    put(u32(0x07064b50) + u32(0) + u64(record) + u32(1));
    put(u32(0x06054b50) + u16(0) + u16(0) + u16(count) + u16(count) + u32(size) +
        u32(directory < big ? directory : big) + u16(0));
  }

 private:
  static constexpr std::uint64_t big = 0xffffffff;
  struct entry {
    std::string name;
    std::uint64_t offset = 0, size = 0;
  };
  static std::string u16(std::uint64_t v) {
    return little_endian_bytes(static_cast<std::uint16_t>(v));
  }
  static std::string u32(std::uint64_t v) {
    return little_endian_bytes(static_cast<std::uint32_t>(v));
  }
  static std::string u64(std::uint64_t v) { return little_endian_bytes(v); }
  static std::string directory_entry(const entry& e) {
    std::string extra;
    if (e.size >= big) extra += u64(e.size) + u64(e.size);
    if (e.offset >= big) extra += u64(e.offset);
    if (!extra.empty()) extra = u16(1) + u16(extra.size()) + extra;
    const std::uint64_t size = e.size < big ? e.size : big;
    return u32(0x02014b50) + u16(0) + u16(0) + u16(0x0808) + u16(0) + u32(0) + u32(0) + u32(size) +
           u32(size) + u16(e.name.size()) + u16(extra.size()) + u16(0) + u16(0) + u16(0) + u32(0) +
           u32(e.offset < big ? e.offset : big) + e.name + extra;
  }
  void put(std::string_view bytes) {
    sink_(bytes);
    written_ += bytes.size();
  }

  std::function<void(std::string_view)> sink_;
  std::uint64_t written_ = 0;
  entry entry_;
  std::vector<entry> entries_;
};

// An archive in memory.
inline std::string zip_bytes(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out;
  zip_writer zip([&](std::string_view bytes) { out += bytes; });
  for (const auto& [name, bytes] : entries) zip.add(name, bytes);
  zip.finish();
  return out;
}

// A tensor of a storage, as torch._utils._rebuild_tensor_v2 is given it.
struct pickled_tensor {
  std::string storage_class = "FloatStorage", key = "0";
  std::int64_t storage_elements = 0, offset = 0;
  std::vector<std::int64_t> shape, strides;
};

// Pieces of a pickle of protocol 2.
namespace pickle {

inline const std::string begin = "\x80\x02", stop = ".", mark = "(", none = "N", empty_dict = "}",
                         empty_list = "]", empty_tuple = ")", set_items = "u", append = "a",
                         reduce = "R", build = "b", tuple = "t";
inline std::string text(const std::string& value) {
  return 'X' + little_endian_bytes(static_cast<std::uint32_t>(value.size())) + value;
}
inline std::string integer(std::int64_t value) {
  return "\x8a\x08" + little_endian_bytes(value);
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string integers(const std::vector<std::int64_t>& values) {
  std::string out = mark;
  for (const std::int64_t value : values) out += integer(value);
  return out + tuple;
}
inline std::string storage(const std::string& storage_class, const std::string& key,
                           std::int64_t elements) {
  return mark + text("storage") + global("torch", storage_class) + text(key) + text("cpu") +
         integer(elements) + tuple + "Q";
}
inline std::string tensor(const pickled_tensor& t) {
  return global("torch._utils", "_rebuild_tensor_v2") + mark +
         storage(t.storage_class, t.key, t.storage_elements) + integer(t.offset) +
         integers(t.shape) + integers(t.strides) + "\x89" + global("collections", "OrderedDict") +
         empty_tuple + reduce + tuple + reduce;
}
// {key: value, ...} of pieces that each build one value.
inline std::string dictionary(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = empty_dict + mark;
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + set_items;
}

}  // namespace pickle

// Row-major strides.
inline std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

// A whole file: the value that the pickle builds, and the storages by key.
inline std::string pytorch_bytes(const std::string& value,
                                 const std::vector<std::pair<std::string, std::string>>& storages) {
  std::vector<std::pair<std::string, std::string>> entries = {
      {"archive/data.pkl", pickle::begin + value + pickle::stop}, {"archive/byteorder", "little"}};
  for (const auto& [key, bytes] : storages) entries.emplace_back("archive/data/" + key, bytes);
  entries.emplace_back("archive/version", "3\n");
  return zip_bytes(entries);
}

// {prefix + name: tensor, ...}, each tensor with a fp32 storage of its own: the keys are the
// numbers from `first_key` on.
inline std::string pickled_state_dict(const std::vector<expected_tensor>& tensors,
                                      const std::string& prefix, std::size_t first_key = 0) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const expected_tensor& t : tensors)
    items.emplace_back(prefix + t.name,
                       pickle::tensor({"FloatStorage", std::to_string(first_key++),
                                       element_count(t.shape), 0, t.shape, row_major(t.shape)}));
  return pickle::dictionary(items);
}

}  // namespace checkpoint::testing
