#include "pipeline_reference/checkpoint/zip_directory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/little_endian.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

constexpr std::uint32_t local_signature = 0x04034b50, directory_signature = 0x02014b50,
                        end_signature = 0x06054b50, end64_signature = 0x06064b50,
                        locator64_signature = 0x07064b50;
constexpr std::uint64_t local_bytes = 30, directory_bytes = 46, end_bytes = 22, end64_bytes = 56,
                        locator64_bytes = 20;
constexpr std::uint64_t most_comment_bytes = 65535;
constexpr std::uint64_t most_entries = 1 << 20;
constexpr std::size_t most_name_bytes = 1024;
constexpr std::uint16_t zip64_extra = 1;
constexpr std::uint32_t in_zip64_extra = 0xffffffff;  // a field that did not fit

// Where the directory lies and how many entries it has.
struct directory_place {
  std::uint64_t offset_bytes = 0, size_bytes = 0, entries = 0;
};

class zip_parser {
 public:
  zip_parser(const std::string& path, std::span<const std::byte> bytes)
      : path_(path), bytes_(bytes) {}

  std::vector<zip_entry> parse() {
    const directory_place directory = find_directory();
    std::uint64_t at = directory.offset_bytes;
    const std::uint64_t end = at + directory.size_bytes;
    std::vector<zip_entry> entries;
    for (std::uint64_t i = 0; i < directory.entries; ++i) entries.push_back(parse_entry(at, end));
    if (at != end)
      fail(at, fmt::format("the directory goes on after its {} entries", entries.size()));
    // All their headers at once: they lie all over the file, and one by one the disk would be
    // waited for at each.
    for (const std::uint64_t header : headers_) prefetch(header, directory.offset_bytes);
    for (std::size_t i = 0; i < entries.size(); ++i)
      entries[i].offset_bytes = find_data(entries[i], headers_[i], directory.offset_bytes);
    check_overlaps();
    return entries;
  }

 private:
  [[noreturn]] void fail(std::uint64_t at, const std::string& message) const {
    throw latency::error(path_, fmt::format("byte {}", at), message);
  }
  [[noreturn]] void fail(const std::string& name, const std::string& message) const {
    throw latency::error(path_, files::printable(name), message);
  }
  template <class T>
  [[nodiscard]] T number(std::uint64_t at) const {
    return little_endian<T>(bytes_, at);
  }
  [[nodiscard]] bool has(std::uint64_t at, std::uint64_t size, std::uint32_t signature) const {
    return lies_inside(at, size, bytes_.size()) && number<std::uint32_t>(at) == signature;
  }

  // The end record stands at the end of the file, before a comment that is as long as it says.
  [[nodiscard]] std::uint64_t find_end_record() const {
    for (std::uint64_t comment = 0;
         comment <= most_comment_bytes && end_bytes + comment <= bytes_.size(); ++comment) {
      const std::uint64_t at = bytes_.size() - end_bytes - comment;
      if (has(at, end_bytes, end_signature) && number<std::uint16_t>(at + 20) == comment) return at;
    }
    throw latency::error(path_, "",
                         "a zip file without its end: it is cut short, copy or fetch it again");
  }

  [[nodiscard]] directory_place find_directory() const {
    const std::uint64_t end = find_end_record();
    directory_place place;
    std::uint64_t limit = end, disk = number<std::uint16_t>(end + 4),
                  first_disk = number<std::uint16_t>(end + 6), on_disk;
    if (end >= locator64_bytes &&
        has(end - locator64_bytes, locator64_bytes, locator64_signature)) {
      const std::uint64_t record = number<std::uint64_t>(end - locator64_bytes + 8);
      if (!has(record, end64_bytes, end64_signature) || record > end - locator64_bytes)
        fail(end - locator64_bytes,
             fmt::format("expected the zip64 end record at byte {}", record));
      limit = record;
      disk = number<std::uint32_t>(record + 16);
      first_disk = number<std::uint32_t>(record + 20);
      on_disk = number<std::uint64_t>(record + 24);
      place = {number<std::uint64_t>(record + 48), number<std::uint64_t>(record + 40),
               number<std::uint64_t>(record + 32)};
    } else {
      on_disk = number<std::uint16_t>(end + 8);
      place = {number<std::uint32_t>(end + 16), number<std::uint32_t>(end + 12),
               number<std::uint16_t>(end + 10)};
    }
    if (disk != 0 || first_disk != 0 || on_disk != place.entries)
      fail(end, "a zip file of several volumes is not read");
    if (place.entries > most_entries)
      fail(end, fmt::format("{} entries, at most {} are read", place.entries, most_entries));
    if (!lies_inside(place.offset_bytes, place.size_bytes, limit))
      fail(end, fmt::format("a directory of {} bytes at byte {} does not fit before its end record",
                            place.size_bytes, place.offset_bytes));
    return place;
  }

  // Where the bytes are a mapped file, has the disk bring those of a header. Elsewhere it does
  // nothing.
  void prefetch(std::uint64_t header, std::uint64_t data_end) const {
    constexpr std::uint64_t page_bytes = 4096;
    if (!lies_inside(header, local_bytes, data_end)) return;
    const auto address = reinterpret_cast<std::uintptr_t>(bytes_.data()) + header;
    const std::uintptr_t page = address / page_bytes * page_bytes;
    ::madvise(reinterpret_cast<void*>(page), address + local_bytes + most_name_bytes - page,
              MADV_WILLNEED);
  }

  // One entry of the directory, which lies in [at, end); moves `at` behind it. Notes where its
  // header is; where its data are, the header says.
  zip_entry parse_entry(std::uint64_t& at, std::uint64_t end) {
    if (!lies_inside(at, directory_bytes, end) || number<std::uint32_t>(at) != directory_signature)
      fail(at, "expected an entry of the zip directory");
    const auto flags = number<std::uint16_t>(at + 8), method = number<std::uint16_t>(at + 10);
    const auto name_bytes = number<std::uint16_t>(at + 28);
    const auto extra_bytes = number<std::uint16_t>(at + 30);
    const auto comment_bytes = number<std::uint16_t>(at + 32);
    const std::uint64_t variable = std::uint64_t{name_bytes} + extra_bytes + comment_bytes;
    if (!lies_inside(at + directory_bytes, variable, end))
      fail(at, "an entry of the zip directory is cut short");
    zip_entry entry;
    entry.name = as_text(bytes_.subspan(at + directory_bytes, name_bytes));
    check_name(at, entry.name);
    if ((flags & 1U) != 0) fail(entry.name, "is encrypted");
    entry.compressed = method != 0;
    entry.size_bytes = number<std::uint32_t>(at + 20);
    std::uint64_t original = number<std::uint32_t>(at + 24), local = number<std::uint32_t>(at + 42);
    read_zip64_extra(at + directory_bytes + name_bytes, extra_bytes, entry.name,
                     {&original, &entry.size_bytes, &local});
    if (!entry.compressed && original != entry.size_bytes)
      fail(entry.name,
           fmt::format("is stored as {} bytes but claims {}", entry.size_bytes, original));
    headers_.push_back(local);
    at += directory_bytes + variable;
    return entry;
  }

  void check_name(std::uint64_t at, const std::string& name) {
    if (name.empty() || name.size() > most_name_bytes)
      fail(at, fmt::format("an entry name of {} bytes, expected 1 to {}", name.size(),
                           most_name_bytes));
    if (name.find_first_of(std::string_view("\\\0", 2)) != std::string::npos || name[0] == '/')
      fail(name, "refuses an entry name that is not a relative path");
    for (std::size_t begin = 0; begin <= name.size();) {
      const std::size_t slash = std::min(name.find('/', begin), name.size());
      if (std::string_view(name).substr(begin, slash - begin) == "..")
        fail(name, "refuses an entry name that leaves its folder");
      begin = slash + 1;
    }
    if (!names_.insert(name).second) fail(name, "stands in the zip directory twice");
  }

  // Fields of 32 bits that are too small stand in the extra record, in this order.
  void read_zip64_extra(std::uint64_t at, std::uint64_t size, const std::string& name,
                        std::initializer_list<std::uint64_t*> fields) const {
    const std::uint64_t end = at + size;
    while (lies_inside(at, 4, end)) {
      const auto id = number<std::uint16_t>(at), part = number<std::uint16_t>(at + 2);
      at += 4;
      if (!lies_inside(at, part, end)) fail(name, "has an extra field that is cut short");
      if (id != zip64_extra) {
        at += part;
        continue;
      }
      const std::uint64_t part_end = at + part;
      for (std::uint64_t* field : fields) {
        if (*field != in_zip64_extra) continue;
        if (!lies_inside(at, 8, part_end)) fail(name, "lacks one of its zip64 sizes");
        *field = number<std::uint64_t>(at);
        at += 8;
      }
      return;
    }
  }

  // The data follow a local header, whose name must be the same. All lie before the directory.
  std::uint64_t find_data(const zip_entry& entry, std::uint64_t local, std::uint64_t data_end) {
    if (!lies_inside(local, local_bytes, data_end) ||
        number<std::uint32_t>(local) != local_signature)
      fail(entry.name, fmt::format("expected its header at byte {}", local));
    const std::uint64_t name_bytes = number<std::uint16_t>(local + 26);
    const std::uint64_t data = local + local_bytes + name_bytes + number<std::uint16_t>(local + 28);
    if (!lies_inside(data, entry.size_bytes, data_end))
      fail(entry.name, fmt::format("{} bytes from byte {} on, but data end at byte {}",
                                   entry.size_bytes, data, data_end));
    if (as_text(bytes_.subspan(local + local_bytes, name_bytes)) != entry.name)
      fail(entry.name, fmt::format("has another name in its header at byte {}", local));
    used_.push_back({local, data + entry.size_bytes, entry.name});
    return data;
  }

  void check_overlaps() {
    std::sort(used_.begin(), used_.end(),
              [](const used_bytes& a, const used_bytes& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < used_.size(); ++i)
      if (used_[i].begin < used_[i - 1].end)
        fail(used_[i].name, fmt::format("overlaps {} at byte {}",
                                        files::printable(used_[i - 1].name), used_[i].begin));
  }

  struct used_bytes {
    std::uint64_t begin, end;
    std::string name;
  };

  const std::string& path_;
  std::span<const std::byte> bytes_;
  std::unordered_set<std::string> names_;
  std::vector<std::uint64_t> headers_;  // of the entries
  std::vector<used_bytes> used_;
};

}  // namespace

std::vector<zip_entry> parse_zip_directory(const std::string& path,
                                           std::span<const std::byte> bytes) {
  return zip_parser(path, bytes).parse();
}

}  // namespace checkpoint
