#include "pipeline_reference/checkpoint/pickle_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "latency/error.hpp"
#include "pipeline_reference/checkpoint/little_endian.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace checkpoint {
namespace {

constexpr std::size_t most_pickle_bytes = 256 << 20;
constexpr std::size_t most_values = 4 << 20;  // pushed on the stack, in all
constexpr std::size_t most_global_bytes = 256;
constexpr std::uint32_t nothing = ~std::uint32_t{0};  // a slot of the memo that was never filled

struct named_opcode {
  unsigned char code;
  const char* name;
};
// Opcodes that torch.save does not write, for messages: they build objects or belong to other
// protocols.
constexpr named_opcode refused_opcodes[] = {{'0', "POP"},
                                            {'1', "POP_MARK"},
                                            {'2', "DUP"},
                                            {'B', "BINBYTES"},
                                            {'C', "SHORT_BINBYTES"},
                                            {'F', "FLOAT"},
                                            {'I', "INT"},
                                            {'L', "LONG"},
                                            {'P', "PERSID"},
                                            {'S', "STRING"},
                                            {'T', "BINSTRING"},
                                            {'U', "SHORT_BINSTRING"},
                                            {'V', "UNICODE"},
                                            {'d', "DICT"},
                                            {'g', "GET"},
                                            {'i', "INST"},
                                            {'l', "LIST"},
                                            {'o', "OBJ"},
                                            {'p', "PUT"},
                                            {0x81, "NEWOBJ"},
                                            {0x82, "EXT1"},
                                            {0x83, "EXT2"},
                                            {0x84, "EXT4"},
                                            {0x8b, "LONG4"},
                                            {0x8c, "SHORT_BINUNICODE"},
                                            {0x8d, "BINUNICODE8"},
                                            {0x8e, "BINBYTES8"},
                                            {0x8f, "EMPTY_SET"},
                                            {0x90, "ADDITEMS"},
                                            {0x91, "FROZENSET"},
                                            {0x92, "NEWOBJ_EX"},
                                            {0x93, "STACK_GLOBAL"},
                                            {0x94, "MEMOIZE"},
                                            {0x95, "FRAME"},
                                            {0x96, "BYTEARRAY8"},
                                            {0x97, "NEXT_BUFFER"},
                                            {0x98, "READONLY_BUFFER"}};

class pickle_machine {
 public:
  pickle_machine(const std::string& path, const std::string& place,
                 std::span<const std::byte> bytes, std::span<const allowed_global> allowed)
      : path_(path), place_(place), bytes_(bytes), allowed_(allowed) {}

  pickle_tree run() {
    if (bytes_.size() > most_pickle_bytes)
      throw latency::error(path_, place_,
                           fmt::format("a pickle of {} bytes, at most {} are read", bytes_.size(),
                                       most_pickle_bytes));
    while (!stopped_) {
      opcode_at_ = at_;
      step(take<unsigned char>());
    }
    if (at_ != bytes_.size())
      fail(fmt::format("{} bytes follow the end of the pickle", bytes_.size() - at_));
    return std::move(tree_);
  }

 private:
  using reference = std::uint32_t;

  [[noreturn]] void fail(const std::string& message) const {
    throw latency::error(path_, fmt::format("{}: byte {}", place_, opcode_at_), message);
  }

  template <class T>
  T take() {
    if (!lies_inside(at_, sizeof(T), bytes_.size())) fail("the pickle is cut short");
    const T value = little_endian<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }
  std::string_view take_text(std::uint64_t size) {
    if (!lies_inside(at_, size, bytes_.size())) fail("the pickle is cut short");
    const std::string_view text = as_text(bytes_.subspan(at_, size));
    at_ += size;
    return text;
  }
  std::string_view take_line() {
    const std::string_view rest = as_text(bytes_.subspan(at_)).substr(0, most_global_bytes);
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos)
      fail(fmt::format("a global's name does not end within {} bytes", most_global_bytes));
    at_ += end + 1;
    return rest.substr(0, end);
  }

  void push(reference value) {
    if (++pushed_ > most_values) fail(fmt::format("more than {} values", most_values));
    stack_.push_back(value);
  }
  pickle_value& push_new(pickle_type type) {
    const auto index = static_cast<reference>(tree_.values.size());
    push(index);
    pickle_value& value = tree_.values.emplace_back();
    value.type = type;
    value.byte = static_cast<std::uint32_t>(opcode_at_);
    return value;
  }
  // Above the last mark: what is below belongs to a container that is not complete yet.
  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  reference pop() {
    if (stack_.size() <= floor()) fail("takes a value that is not there");
    const reference value = stack_.back();
    stack_.pop_back();
    return value;
  }
  [[nodiscard]] pickle_value& top(pickle_type type, const char* what) {
    if (stack_.size() <= floor()) fail("takes a value that is not there");
    pickle_value& value = tree_.values[stack_.back()];
    if (value.type != type) fail(fmt::format("expected {}", what));
    return value;
  }
  std::vector<reference> pop_to_mark() {
    if (marks_.empty()) fail("takes values up to a mark that is not there");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<reference> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }
  std::vector<reference> pop_count(std::size_t count) {
    std::vector<reference> values(count);
    for (std::size_t i = count; i-- > 0;) values[i] = pop();
    return values;
  }

  void push_tuple(std::vector<reference> items) {
    push_new(pickle_type::tuple).items = std::move(items);
  }
  void add_items(pickle_type type, const std::vector<reference>& added) {
    const bool is_list = type == pickle_type::list;
    pickle_value& container = top(type, is_list ? "a list to append to" : "a dictionary to fill");
    if (!is_list && added.size() % 2 != 0) fail("a key without its value");
    container.items.insert(container.items.end(), added.begin(), added.end());
  }

  void find_global() {
    std::string name(take_line());
    name += '.';
    name += take_line();
    const auto found = std::find_if(allowed_.begin(), allowed_.end(),
                                    [&](const allowed_global& g) { return g.name == name; });
    if (found == allowed_.end())
      fail("refuses the global " + files::printable(name) +
           ": only tensors and plain values are read; save the state dict alone");
    push_new(pickle_type::global).integer = found - allowed_.begin();
  }
  // The tree keeps the tuple of arguments, not a copy of it: a pickle may use one tuple many times.
  void reduce() {
    const bool without_arguments = top(pickle_type::tuple, "a tuple of arguments").items.empty();
    const reference arguments = pop();
    const pickle_value& callee = tree_.values[pop()];
    if (callee.type != pickle_type::global) fail("refuses to call a plain value");
    const std::int64_t index = callee.integer;
    const allowed_global& global = allowed_[static_cast<std::size_t>(index)];
    if (global.use == global_use::constant) fail(fmt::format("refuses to call {}", global.name));
    if (global.use == global_use::dictionary) {
      if (!without_arguments) fail(fmt::format("refuses to call {} with arguments", global.name));
      push_new(pickle_type::dictionary);
      return;
    }
    pickle_value& call = push_new(pickle_type::call);
    call.integer = index;
    call.items = {arguments};
  }
  // Attributes of an object: an OrderedDict's carry no tensors, and nothing else may have any.
  void build() {
    static_cast<void>(pop());
    static_cast<void>(top(pickle_type::dictionary, "attributes of an OrderedDict only"));
  }

  void remember(std::uint64_t slot) {
    if (stack_.size() <= floor()) fail("remembers a value that is not there");
    if (slot >= most_values) fail(fmt::format("a memo of more than {} values", most_values));
    if (slot >= memo_.size()) memo_.resize(slot + 1, nothing);
    memo_[slot] = stack_.back();
  }
  void recall(std::uint64_t slot) {
    if (slot >= memo_.size() || memo_[slot] == nothing)
      fail(fmt::format("recalls value {}, which was never remembered", slot));
    push(memo_[slot]);
  }
  void push_integer(std::int64_t value) { push_new(pickle_type::integer).integer = value; }
  void push_long() {
    const auto size = take<std::uint8_t>();
    if (size > 8) fail(fmt::format("an integer of {} bytes, at most 8 are read", size));
    const std::string_view digits = take_text(size);
    std::uint64_t value = 0;  // two's complement, extended from the last byte
    if (size > 0 && (static_cast<unsigned char>(digits.back()) & 0x80U) != 0) value = ~value;
    for (std::size_t i = digits.size(); i-- > 0;)
      value = value << 8 | static_cast<unsigned char>(digits[i]);
    push_integer(static_cast<std::int64_t>(value));
  }
  void stop() {
    tree_.root = pop();
    if (!stack_.empty() || !marks_.empty()) fail("ends with values that belong to nothing");
    stopped_ = true;
  }
  void protocol() {
    const auto version = take<std::uint8_t>();
    if (opcode_at_ != 0 || version != 2)
      fail(fmt::format("pickle protocol {}, expected 2, the default of torch.save", version));
  }

  void step(unsigned char opcode) {
    if ((opcode == 0x80) != (opcode_at_ == 0)) fail("expected the pickle protocol at byte 0 only");
    switch (opcode) {
      case 0x80:
        return protocol();
      case '.':
        return stop();
      case '(':
        return mark();
      case 'N':
        return static_cast<void>(push_new(pickle_type::none));
      case 0x88:
      case 0x89:
        push_new(pickle_type::boolean).integer = opcode == 0x88;
        return;
      case 'K':
        return push_integer(take<std::uint8_t>());
      case 'M':
        return push_integer(take<std::uint16_t>());
      case 'J':
        return push_integer(take<std::int32_t>());
      case 0x8a:
        return push_long();
      case 'G':
        static_cast<void>(take<std::uint64_t>());  // no reader of tensors needs its value
        return static_cast<void>(push_new(pickle_type::real));
      case 'X': {
        const std::string_view text = take_text(take<std::uint32_t>());
        push_new(pickle_type::text).text = text;
        return;
      }
      case ')':
        return push_tuple({});
      case 0x85:
      case 0x86:
      case 0x87:
        return push_tuple(pop_count(opcode - 0x84U));
      case 't':
        return push_tuple(pop_to_mark());
      case ']':
        return static_cast<void>(push_new(pickle_type::list));
      case '}':
        return static_cast<void>(push_new(pickle_type::dictionary));
      case 'a':
        return add_items(pickle_type::list, pop_count(1));
      case 'e':
        return add_items(pickle_type::list, pop_to_mark());
      case 's':
        return add_items(pickle_type::dictionary, pop_count(2));
      case 'u':
        return add_items(pickle_type::dictionary, pop_to_mark());
      case 'q':
        return remember(take<std::uint8_t>());
      case 'r':
        return remember(take<std::uint32_t>());
      case 'h':
        return recall(take<std::uint8_t>());
      case 'j':
        return recall(take<std::uint32_t>());
      case 'c':
        return find_global();
      case 'R':
        return reduce();
      case 'b':
        return build();
      case 'Q': {
        const reference id = pop();
        push_new(pickle_type::persistent).items = {id};
        return;
      }
      default:
        break;
    }
    const auto* known = std::find_if(std::begin(refused_opcodes), std::end(refused_opcodes),
                                     [&](const named_opcode& o) { return o.code == opcode; });
    fail(known == std::end(refused_opcodes)
             ? fmt::format("0x{:02x} is no pickle opcode", opcode)
             : fmt::format("refuses the opcode {}, which torch.save does not write", known->name));
  }
  void mark() {
    if (++pushed_ > most_values) fail(fmt::format("more than {} values", most_values));
    marks_.push_back(stack_.size());
  }

  const std::string& path_;
  const std::string& place_;
  std::span<const std::byte> bytes_;
  std::span<const allowed_global> allowed_;
  std::uint64_t at_ = 0, opcode_at_ = 0;
  bool stopped_ = false;
  std::size_t pushed_ = 0;
  std::vector<reference> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::vector<reference> memo_;
  pickle_tree tree_;
};

}  // namespace

pickle_tree read_pickle(const std::string& path, const std::string& place,
                        std::span<const std::byte> bytes, std::span<const allowed_global> allowed) {
  return pickle_machine(path, place, bytes, allowed).run();
}

}  // namespace checkpoint
