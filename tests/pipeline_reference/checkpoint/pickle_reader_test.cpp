#include "pipeline_reference/checkpoint/pickle_reader.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"

using namespace checkpoint;
using namespace checkpoint::testing::pickle;
using checkpoint::testing::as_bytes;
using checkpoint::testing::little_endian_bytes;
using latency_test::message_of;
using namespace std::string_literals;

namespace {

constexpr std::array<allowed_global, 3> allowed = {{{"good.constant", global_use::constant},
                                                    {"good.function", global_use::function},
                                                    {"good.dictionary", global_use::dictionary}}};

pickle_tree parse(const std::string& pickle_text) {
  return read_pickle("w", "p", as_bytes(pickle_text), allowed);
}
std::string refusal(const std::string& after_protocol) {
  const std::string bytes = begin + after_protocol;
  return message_of([&] { parse(bytes); });
}
const pickle_value& root(const pickle_tree& tree) {
  return tree.values[tree.root];
}

}  // namespace

TEST_CASE("pickle_reader: every plain value of protocol 2 is read") {
  const std::string bytes = begin + mark + "K\x07" + "M\x01\x02" + "J\xff\xff\xff\xff" +
                            "\x8a\x01\x80" + "\x8a\x00"s + integer(std::int64_t{1} << 40) +
                            "\x88\x89N" + "G" + std::string(8, '\0') + text("name") + tuple + stop;
  const pickle_tree tree = parse(bytes);
  const pickle_value& all = root(tree);
  REQUIRE(all.type == pickle_type::tuple);
  REQUIRE(all.items.size() == 11);
  const std::vector<std::int64_t> expected = {7, 0x201, -1, -128, 0, std::int64_t{1} << 40, 1, 0};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(tree.values[all.items[i]].integer == expected[i]);
    CHECK(tree.values[all.items[i]].type == (i < 6 ? pickle_type::integer : pickle_type::boolean));
  }
  CHECK(tree.values[all.items[8]].type == pickle_type::none);
  CHECK(tree.values[all.items[9]].type == pickle_type::real);
  CHECK(tree.values[all.items[10]].text == "name");
  CHECK(tree.values[all.items[10]].byte == bytes.size() - 11);
}

TEST_CASE("pickle_reader: containers, the memo, calls and persistent objects are read") {
  const pickle_tree lists = parse(begin + empty_list + "q\x05" + "K\x01" + append + mark +
                                  "K\x02K\x03" + "e" + "h\x05" + "\x86" + stop);
  const pickle_value& pair = root(lists);
  REQUIRE(pair.items.size() == 2);
  CHECK(pair.items[0] == pair.items[1]);  // one list in two places
  CHECK(lists.values[pair.items[0]].items.size() == 3);

  const pickle_tree dictionary = parse(
      begin + global("good", "dictionary") + empty_tuple + reduce + mark + text("a") + "K\x01" +
      text("b") + "K\x02" + set_items + text("c") + none + "s" + empty_dict + build + stop);
  CHECK(root(dictionary).type == pickle_type::dictionary);
  CHECK(root(dictionary).items.size() == 6);

  const pickle_tree call =
      parse(begin + global("good", "function") + "K\x01K\x02\x86" + reduce + stop);
  CHECK(root(call).type == pickle_type::call);
  CHECK(root(call).integer == 1);
  CHECK(call.values[root(call).items.at(0)].items.size() == 2);

  const std::string object = begin + text("id") + "Q" + stop;  // the tree has views into it
  const pickle_tree persistent = parse(object);
  CHECK(root(persistent).type == pickle_type::persistent);
  CHECK(persistent.values[root(persistent).items.at(0)].text == "id");
}

TEST_CASE("pickle_reader: globals outside the list are refused by name, wherever they stand") {
  CHECK(refusal(global("os", "system") + text("true") + "\x85" + reduce + stop) ==
        "w: p: byte 2: refuses the global os.system: only tensors and plain values are read; save "
        "the state dict alone");
  CHECK(refusal(empty_list + global("builtins", "eval") + append + stop)
            .find("w: p: byte 3: refuses the global builtins.eval") == 0);
  CHECK(refusal(global("good", "constant2") + stop).find("refuses the global good.constant2") !=
        std::string::npos);
  CHECK(refusal(global("good.constant", "") + stop).find("refuses the global good.constant.:") !=
        std::string::npos);
  CHECK(refusal(global("a\x1b[2J", "b") + stop).find("refuses the global a\\x1b[2J.b") !=
        std::string::npos);
  CHECK(refusal("c" + std::string(300, 'x') + "\ny\n").find("does not end within 256 bytes") !=
        std::string::npos);
}

TEST_CASE("pickle_reader: only allowed functions are called, and nothing gets attributes") {
  CHECK(refusal(global("good", "constant") + empty_tuple + reduce + stop) ==
        "w: p: byte 18: refuses to call good.constant");
  CHECK(refusal(global("good", "dictionary") + "K\x01\x85" + reduce + stop)
            .find("refuses to call good.dictionary with arguments") != std::string::npos);
  CHECK(refusal(text("os.system") + empty_tuple + reduce + stop)
            .find("refuses to call a plain value") != std::string::npos);
  CHECK(refusal(global("good", "function") + none + reduce + stop)
            .find("expected a tuple of arguments") != std::string::npos);
  CHECK(refusal(empty_list + empty_dict + build + stop)
            .find("expected attributes of an OrderedDict only") != std::string::npos);
  CHECK(refusal(none + text("a") + none + "s").find("expected a dictionary to fill") !=
        std::string::npos);
  CHECK(refusal(none + none + append).find("expected a list to append to") != std::string::npos);
  for (const auto& [opcode, name] :
       std::vector<std::pair<std::string, std::string>>{{"\x81", "NEWOBJ"},
                                                        {"\x93", "STACK_GLOBAL"},
                                                        {"i", "INST"},
                                                        {"o", "OBJ"},
                                                        {"\x82", "EXT1"}})
    CHECK(refusal(opcode) ==
          "w: p: byte 2: refuses the opcode " + name + ", which torch.save does not write");
  CHECK(refusal("\xff") == "w: p: byte 2: 0xff is no pickle opcode");
}

TEST_CASE("pickle_reader: stacks, marks and memos that do not hold what is asked for are refused") {
  for (const char* bytes : {".", "\x85", "R", "Q", "q\x01", "b", "a", "s"})
    CHECK(refusal(bytes).find("that is not there") != std::string::npos);
  CHECK(refusal("t") == "w: p: byte 2: takes values up to a mark that is not there");
  // What lies below a mark belongs to an unfinished container.
  CHECK(refusal(none + mark + "\x85").find("takes a value that is not there") != std::string::npos);
  CHECK(refusal(none + none + stop) == "w: p: byte 4: ends with values that belong to nothing");
  CHECK(refusal(mark + none + stop).find("ends with values") != std::string::npos);
  CHECK(refusal(none + stop + "x") == "w: p: byte 3: 1 bytes follow the end of the pickle");
  CHECK(refusal("h\x00"s) == "w: p: byte 2: recalls value 0, which was never remembered");
  CHECK(refusal(none + "q\x05" + "h\x04").find("recalls value 4") != std::string::npos);
  CHECK(refusal(none + "r\xff\xff\xff\xff").find("a memo of more than 4194304 values") !=
        std::string::npos);
  CHECK(refusal(empty_dict + mark + none + set_items).find("a key without its value") !=
        std::string::npos);
}

TEST_CASE("pickle_reader: other protocols and lengths that lie are refused") {
  CHECK(message_of([] { parse("\x80\x04N."); }) ==
        "w: p: byte 0: pickle protocol 4, expected 2, the default of torch.save");
  CHECK(message_of([] { parse("N."); }) ==
        "w: p: byte 0: expected the pickle protocol at byte 0 only");
  CHECK(refusal("\x80\x02N.") == "w: p: byte 2: expected the pickle protocol at byte 0 only");
  CHECK(refusal("X" + little_endian_bytes(~std::uint32_t{0}) + "abc") ==
        "w: p: byte 2: the pickle is cut short");
  CHECK(refusal("\x8a\x09" + std::string(9, '\x01')) ==
        "w: p: byte 2: an integer of 9 bytes, at most 8 are read");
  const std::string whole = begin + dictionary({{"a", integers({1, 2})}}) + stop;
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    CHECK(message_of([&] { parse(whole.substr(0, kept)); }).find("is cut short") !=
          std::string::npos);
}

TEST_CASE("pickle_reader: what would fill the memory or the stack ends in one line") {
  const std::string many(5'000'000, 'N');
  CHECK(refusal(many).find("more than 4194304 values") != std::string::npos);
  CHECK(refusal(std::string(5'000'000, '(')).find("more than 4194304 values") != std::string::npos);
  std::string recalled = none + "q\x01"s;
  for (int i = 0; i < 5'000'000; ++i) recalled += "h\x01";
  CHECK(refusal(recalled).find("more than 4194304 values") != std::string::npos);
  // A list in a list in a list: no stack of ours grows with it.
  CHECK(refusal(std::string(1'000'000, ']') + std::string(999'999, 'a') + stop) == "");
  // One tuple of many values as the arguments of many calls.
  std::string calls = mark + std::string(1'000'000, 'N') + tuple + "q\x01" + "0";
  calls.pop_back();
  calls += global("good", "function") + "q\x02";
  for (int i = 0; i < 200'000; ++i) calls += "h\x02h\x01R";
  CHECK(refusal(calls).find("the pickle is cut short") != std::string::npos);
}
