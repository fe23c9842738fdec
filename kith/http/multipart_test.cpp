#include <gtest/gtest.h>

#include <kith/http/multipart.hpp>
#include <kith/sim/testing.hpp>

namespace kith::http {
namespace {

using Event = MultipartParser::Event;
using Kind = PartInfo::Kind;

/// A directory as Kubo 0.43's command line sends it for `add -r --preserve-mode --preserve-mtime`.
const std::string kubo_body =
    "--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e\r\n"
    "Content-Disposition: form-data; "
    "name=\"file?mode=020000000755&mtime=1795248502&mtime-nsecs=155766265\"; filename=\"tree\"\r\n"
    "Content-Type: application/x-directory\r\n\r\n"
    "\r\n--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e\r\n"
    "Abspath-Encoded: %2Fhome%2Fme%2Ftree%2Fempty\r\n"
    "Content-Disposition: form-data; "
    "name=\"file?mode=0644&mtime=1795248502&mtime-nsecs=143766266\"; filename=\"tree%2Fempty\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\n"
    "\r\n--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e\r\n"
    "Content-Disposition: form-data; "
    "name=\"file?mode=01000000777&mtime=1795248502&mtime-nsecs=155766265\"; "
    "filename=\"tree%2Flink\"\r\n"
    "Content-Type: application/symlink\r\n\r\nempty"
    "\r\n--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e\r\n"
    "Content-Disposition: form-data; "
    "name=\"file?mode=020000000755&mtime=1795248502&mtime-nsecs=143766266\"; "
    "filename=\"tree%2Fsub+dir\"\r\n"
    "Content-Type: application/x-directory\r\n\r\n"
    "\r\n--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e\r\n"
    "Abspath-Encoded: %2Fhome%2Fme%2Ftree%2Fsub+dir%2F%C3%BC+file.txt\r\n"
    "Content-Disposition: form-data; "
    "name=\"file?mode=0644&mtime=1795248502&mtime-nsecs=143766266\"; "
    "filename=\"tree%2Fsub+dir%2F%C3%BC+file.txt\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\nhello\r\n--x\n"
    "\r\n--67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e--\r\n";
constexpr std::string_view kubo_boundary =
    "67323be0288b51c78421a09a5a0596f63f41647063788b48e09a9d9f203e";

struct Read {
  PartInfo info;
  std::string content;
};

/// All parts of a body that comes in pieces of this size; what went wrong, if it did.
std::expected<std::vector<Read>, HttpError> parse(std::string_view boundary, std::string_view body,
                                                  std::size_t piece = SIZE_MAX,
                                                  MultipartLimits limits = {}) {
  MultipartParser parser(boundary, limits);
  std::vector<Read> parts;
  bool in_part = false;
  for (std::size_t at = 0;;) {
    std::string_view in = body.substr(at, piece);
    auto step = parser.next(as_bytes(in));
    if (!step) return std::unexpected(step.error());
    at += step->skip + step->payload;
    switch (step->event) {
      case Event::part_begins: {
        auto info = describe_part(parser.headers());
        if (!info) return std::unexpected(info.error());
        EXPECT_FALSE(in_part);
        in_part = true;
        parts.push_back({*info, ""});
        break;
      }
      case Event::data:
        EXPECT_TRUE(in_part);
        parts.back().content += as_text(step->held_back);
        parts.back().content += in.substr(step->skip, step->payload);
        break;
      case Event::part_ends:
        EXPECT_TRUE(in_part);
        in_part = false;
        break;
      case Event::end:
        return parts;
      case Event::need_more:
        if (at >= body.size()) return std::unexpected(HttpError::bad_multipart);
        break;
    }
  }
}

TEST(Multipart, ReadsADirectoryAsKuboSendsIt) {
  for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{61}, std::string::npos}) {
    auto parts = parse(kubo_boundary, kubo_body, piece);
    ASSERT_TRUE(parts.has_value());
    ASSERT_EQ(parts->size(), 5u);
    const Read& root = (*parts)[0];
    EXPECT_EQ(root.info.kind, Kind::directory);
    EXPECT_EQ(root.info.name, "file");
    EXPECT_EQ(root.info.path, "tree");
    EXPECT_EQ(root.info.mode, 0755u);
    EXPECT_EQ(root.info.mtime, (FileTime{1795248502, 155766265}));
    EXPECT_EQ(root.content, "");
    EXPECT_EQ((*parts)[1].info.path, "tree/empty");
    EXPECT_EQ((*parts)[1].info.absolute_path, "/home/me/tree/empty");
    EXPECT_EQ((*parts)[1].content, "");
    EXPECT_EQ((*parts)[2].info.kind, Kind::symlink);
    EXPECT_EQ((*parts)[2].info.mode, 0777u);
    EXPECT_EQ((*parts)[2].content, "empty");
    EXPECT_EQ((*parts)[4].info.path, "tree/sub dir/ü file.txt");
    EXPECT_EQ((*parts)[4].info.kind, Kind::file);
    EXPECT_EQ((*parts)[4].content, "hello\r\n--x\n");
  }
}

TEST(Multipart, ReadsWhatKuboRpcClientAndBrowsersSend) {
  std::string body =
      "-----------------------------77\r\n"
      "Content-Disposition: form-data; name=\"file-0?mode=4755&mtime=-5\"; filename=\"a%20b\"\r\n"
      "Content-Type: application/octet-stream\r\n\r\none\r\n"
      "-----------------------------77\r\n"
      "Content-Disposition: form-data; name=\"data\"\r\n\r\ntwo\r\n"
      "-----------------------------77--\r\n";
  auto parts = parse("---------------------------77", body);
  ASSERT_TRUE(parts.has_value());
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].info.name, "file-0");
  EXPECT_EQ((*parts)[0].info.path, "a b");
  EXPECT_EQ((*parts)[0].info.mode, 04755u);
  EXPECT_EQ((*parts)[0].info.mtime, (FileTime{-5, 0}));
  EXPECT_EQ((*parts)[0].content, "one");
  EXPECT_FALSE((*parts)[1].info.has_path);
  EXPECT_EQ((*parts)[1].content, "two");
}

std::string one_part(std::string_view content) {
  return "--B\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n" + std::string(content) +
         "\r\n--B--";
}

TEST(Multipart, GivesBackWhatOnlyLooksLikeADelimiter) {
  for (std::string content :
       {"\r", "\r\n", "\r\n-", "\r\n--", "\r\r\n--", "\r\n--Bx", "\r\n--B-x", "\r\n--\r\n--",
        "a\r\n--B_\r\n--C\r\n\r\n", "\r\n\r\n--b", "-", "\r\n--B\n", "--Bx"}) {
    for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{5}, std::string::npos}) {
      auto parts = parse("B", one_part(content), piece);
      ASSERT_TRUE(parts.has_value()) << content;
      ASSERT_EQ(parts->size(), 1u) << content;
      EXPECT_EQ(parts->front().content, content) << "pieces of " << piece;
    }
  }
}

TEST(Multipart, TakesABoundaryRightBehindAHeadAsAnEmptyPart) {
  auto parts = parse("B",
                     "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n"
                     "--B \t\r\nContent-Disposition: form-data; name=b\r\n\r\nx\r\n--B--");
  ASSERT_TRUE(parts.has_value());
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].content, "");
  EXPECT_EQ((*parts)[1].content, "x");
}

TEST(Multipart, SkipsABoundedPreamble) {
  MultipartLimits limits;
  limits.preamble_bytes_max = 10;
  EXPECT_EQ(parse("B", "0123456789\r\n" + one_part("x"), 1, limits)->front().content, "x");
  EXPECT_FALSE(parse("B", "0123456789a\r\n" + one_part("x"), 1, limits).has_value());
  EXPECT_TRUE(parse("B", "--B--")->empty());
}

TEST(Multipart, RefusesBrokenBodies) {
  for (std::string broken :
       {std::string(""), std::string("--B"), std::string("--B\r\n"), one_part("x").substr(0, 50),
        std::string("--B x\r\n"), std::string("--B\r\nContent-Disposition: form-data\n\r\n"),
        std::string("--B\r\nContent-Disposition form-data\r\n\r\nx\r\n--B--"),
        std::string("--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--")})
    EXPECT_FALSE(parse("B", broken).has_value()) << broken;
}

TEST(Multipart, HasLimitsOfPartsAndHeads) {
  std::string head = "--B\r\nContent-Disposition: form-data; name=a\r\n";
  MultipartLimits limits;
  limits.parts_max = 2;
  std::string part = head + "\r\nx\r\n";
  EXPECT_TRUE(parse("B", part + part + "--B--", 100, limits).has_value());
  EXPECT_EQ(parse("B", part + part + part + "--B--", 100, limits).error(),
            HttpError::multipart_too_large);
  EXPECT_EQ(parse("B", head + "A: " + std::string(multipart_head_bytes_max, 'a')).error(),
            HttpError::head_too_large);
}

TEST(Multipart, LetsNoPathClimb) {
  auto path = [](std::string name) {
    Headers headers{{"Content-Disposition", "form-data; name=f; filename=\"" + name + '"'}};
    return describe_part(headers)->path;
  };
  EXPECT_EQ(path("../../etc/passwd"), "etc/passwd");
  EXPECT_EQ(path("%2E%2E%2Fx"), "x");
  EXPECT_EQ(path("/a/./b//../c/"), "a/c");
  EXPECT_EQ(path("a/.."), "");
  EXPECT_EQ(path("100%"), "100%") << "what can't be decoded is taken as it is";
}

TEST(Multipart, KnowsItsBoundaryFromTheContentType) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Form-Data; x=y; BOUNDARY=\"a b\""), "a b");
  for (std::string bad : {std::string("multipart/form-data"), std::string("text/plain; boundary=a"),
                          std::string("multipart/form-data; boundary="),
                          std::string("multipart/form-data; boundary=\"a \""),
                          std::string("multipart/form-data; boundary=a@b"),
                          "multipart/form-data; boundary=" + std::string(71, 'a')})
    EXPECT_FALSE(multipart_boundary(bad).has_value()) << bad;
}

/// Gives a body in pieces of one size.
class PiecewiseBody final : public BodyReader {
 public:
  PiecewiseBody(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
  Task<Buffer> read_buffer(std::size_t size_max, Instant) override {
    std::string part = text_.substr(at_, std::min(piece_, size_max));
    at_ += part.size();
    co_return Buffer::copy_of(as_bytes(part));
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

TEST(MultipartReader, ReadsPartsAndSkipsUnreadOnes) {
  sim::run_test(1, [](sim::World&) -> Task<void> {
    for (std::size_t piece : {std::size_t{1}, std::size_t{13}, std::size_t{100'000}}) {
      PiecewiseBody body(kubo_body, piece);
      MultipartReader reader(body, kubo_boundary);
      std::vector<std::string> seen;
      for (;;) {
        KITH_CO_TRY(std::optional<MultipartReader::Part> part, co_await reader.next_part());
        if (!part) break;
        std::string content;
        // Every second part is left unread.
        if (seen.size() % 2 == 0) {
          KITH_CO_TRY(Bytes all, co_await read_all(reader, 1000));
          content = as_text(all);
        }
        seen.push_back(part->info.path + '=' + content);
      }
      std::vector<std::string> expected = {
          "tree=", "tree/empty=", "tree/link=empty",
          "tree/sub dir=", "tree/sub dir/ü file.txt=hello\r\n--x\n"};
      EXPECT_EQ(seen, expected);
    }
    co_return Result<void>{};
  });
}

TEST(MultipartReader, SaysSoWhenABodyEndsInAPart) {
  sim::run_test(1, [](sim::World&) -> Task<void> {
    PiecewiseBody body(one_part("content").substr(0, 55), 10);
    MultipartReader reader(body, "B");
    KITH_CO_TRY(std::optional<MultipartReader::Part> part, co_await reader.next_part());
    KITH_CO_REQUIRE(part.has_value());
    auto read = co_await read_all(reader, 1000);
    EXPECT_TRUE(!read && read.error().is(HttpError::bad_multipart));
    co_return Result<void>{};
  });
}

TEST(MultipartBody, WritesWhatTheReaderReads) {
  sim::run_test(1, [](sim::World& world) -> Task<void> {
    std::vector<PartInfo> infos(3);
    infos[0].kind = Kind::directory;
    infos[0].path = "d";
    infos[1].path = "d/ü \"+%.txt";
    infos[1].absolute_path = "/home/me/x\r\ny";
    infos[1].mode = 04755;
    infos[1].mtime = FileTime{-1, 5};
    infos[2].kind = Kind::symlink;
    infos[2].path = "d/l";
    std::size_t next = 0;
    // The source is called while this frame lives.
    auto give = [&infos, &next]() -> Task<std::optional<MultipartBody::Part>> {
      if (next == infos.size()) co_return std::nullopt;
      MultipartBody::Part part;
      part.info = infos[next];
      std::string content = "content " + std::to_string(next);
      if (next++ > 0) part.body = std::make_unique<MemoryBody>(Buffer::copy_of(as_bytes(content)));
      co_return std::move(part);
    };
    std::string boundary = make_boundary(world.add_node().env().random);
    MultipartBody body(boundary, give);
    auto parsed = multipart_boundary(body.content_type());
    KITH_CO_REQUIRE(parsed.has_value());
    MultipartReader reader(body, *parsed);
    for (std::size_t i = 0; i < infos.size(); ++i) {
      KITH_CO_TRY(std::optional<MultipartReader::Part> part, co_await reader.next_part());
      KITH_CO_REQUIRE(part.has_value());
      EXPECT_EQ(part->info.kind, infos[i].kind);
      EXPECT_EQ(part->info.path, infos[i].path);
      EXPECT_EQ(part->info.absolute_path, infos[i].absolute_path);
      EXPECT_EQ(part->info.mode, infos[i].mode);
      EXPECT_EQ(part->info.mtime, infos[i].mtime);
      KITH_CO_TRY(Bytes content, co_await read_all(reader, 100));
      EXPECT_EQ(as_text(content), i == 0 ? "" : "content " + std::to_string(i));
    }
    KITH_CO_TRY(std::optional<MultipartReader::Part> none, co_await reader.next_part());
    EXPECT_FALSE(none.has_value());
    co_return Result<void>{};
  });
}

}  // namespace
}  // namespace kith::http
