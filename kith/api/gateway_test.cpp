#include <gtest/gtest.h>

#include <kith/api/detail/gateway_page.hpp>
#include <kith/api/gateway_fixture.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_pb.hpp>

namespace kith::api::testing {
namespace {

using http::Headers;
using multiformats::Cid;
using multiformats::Codec;
using sim::World;

/// Text whose parts differ.
std::string letters(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i)
    text += static_cast<char>('a' + (i * 7 + i / 256) % 26);
  return text;
}

std::string at(const Cid& cid, std::string_view behind = {}) {
  return "/ipfs/" + cid.to_string() + std::string(behind);
}

TEST(Gateway, ServesAFileWithWhatBrowsersAndCachesNeed) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string text = letters(1000);
    Cid file = site.add_file(text);
    Cid inner = site.add_directory({{"a b.txt", file}});
    Cid root = site.add_directory({{"inner", inner}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/inner/a%20b.txt")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, text);
    EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
    EXPECT_EQ(answer.header("Content-Length"), "1000");
    EXPECT_EQ(answer.header("Accept-Ranges"), "bytes");
    EXPECT_EQ(answer.header("Etag"), "\"" + file.to_string() + "\"");
    EXPECT_EQ(answer.header("Cache-Control"), "public, max-age=29030400, immutable");
    EXPECT_EQ(answer.header("X-Ipfs-Path"), at(root, "/inner/a b.txt"));
    EXPECT_EQ(answer.header("X-Ipfs-Roots"),
              root.to_string() + ',' + inner.to_string() + ',' + file.to_string());
    EXPECT_EQ(answer.header("Access-Control-Allow-Origin"), "*");
    EXPECT_FALSE(answer.headers.has("Content-Disposition"));
    EXPECT_FALSE(answer.headers.has("Content-Security-Policy"));

    KITH_CO_TRY(answer, co_await site.get(at(root, "/inner/a%20b.txt"), {}, "HEAD"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Length"), "1000");
    EXPECT_EQ(answer.body, "");
    co_return co_await site.end();
  });
}

TEST(Gateway, GivesOnlyWhatCanBeCheckedIfItIsTrustless) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.trustless = true;
    Site site(world, options);
    const std::string text = letters(200);
    Cid file = site.add_file(text);
    Cid root = site.add_directory({{"a.txt", file}});
    KITH_CO_TRY(Answer raw, co_await site.get(at(file, "?format=raw")));
    EXPECT_EQ(raw.status, 200);
    EXPECT_EQ(raw.body, text);
    Headers wants_raw{{"Accept", "application/vnd.ipld.raw"}};
    KITH_CO_TRY(Answer accepted, co_await site.get(at(file), std::move(wants_raw)));
    EXPECT_EQ(accepted.body, text);
    KITH_CO_TRY(Answer head, co_await site.get(at(file, "?format=raw"), {}, "HEAD"));
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("Content-Length"), "200");
    KITH_CO_TRY(Answer car, co_await site.get(at(root, "/a.txt?format=car")));
    EXPECT_EQ(car.status, 200);
    EXPECT_TRUE(car.header("Content-Type").starts_with("application/vnd.ipld.car"));
    for (const std::string& target :
         {at(file), at(root), at(root, "/a.txt"), at(root, "/a.txt?format=raw"),
          at(file, "?format=dag-json"), at(file, "?format=tar"), at(file, "?format=ipns-record")}) {
      KITH_CO_TRY(Answer refused, co_await site.get(target));
      EXPECT_EQ(refused.status, 406) << target;
      EXPECT_EQ(refused.header("Content-Type"), "text/plain; charset=utf-8");
    }
    KITH_CO_TRY(Answer no_cid, co_await site.get("/ipfs/nothing?format=raw"));
    EXPECT_EQ(no_cid.status, 400);
    co_return co_await site.end();
  });
}

TEST(Gateway, GuessesTheTypeOfAFileWithoutAName) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid page = site.add_file("<html><body>" + letters(600));
    for (const char* method : {"GET", "HEAD"}) {
      KITH_CO_TRY(Answer answer, co_await site.get(at(page), {}, method));
      EXPECT_EQ(answer.header("Content-Type"), "text/html");
    }
    KITH_CO_TRY(Answer named, co_await site.get(at(page, "?filename=x.pdf&download=true")));
    EXPECT_EQ(named.header("Content-Type"), "application/pdf");
    EXPECT_EQ(named.header("Content-Disposition"), "attachment; filename=\"x.pdf\"");
    // A later part has the type of the whole, if its first block is here.
    Headers range{{"Range", "bytes=300-301"}};
    KITH_CO_TRY(Answer part, co_await site.get(at(page), std::move(range)));
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.header("Content-Type"), "text/html");
    KITH_CO_TRY(Answer empty, co_await site.get(at(site.add_file(""))));
    EXPECT_EQ(empty.status, 200);
    EXPECT_EQ(empty.header("Content-Length"), "0");
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesRanges) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string text = letters(1000);
    Cid file = site.add_file(text);
    std::string etag = "\"" + file.to_string() + "\"";
    auto asking = [](std::string range) { return Headers{{"Range", std::move(range)}}; };
    KITH_CO_TRY(Answer one, co_await site.get(at(file), asking("bytes=250-520")));
    EXPECT_EQ(one.status, 206);
    EXPECT_EQ(one.header("Content-Range"), "bytes 250-520/1000");
    EXPECT_EQ(one.header("Content-Length"), "271");
    EXPECT_EQ(one.body, text.substr(250, 271));
    EXPECT_EQ(one.header("Etag"), etag);
    KITH_CO_TRY(Answer tail, co_await site.get(at(file), asking("bytes=-3")));
    EXPECT_EQ(tail.body, text.substr(997));
    KITH_CO_TRY(Answer rest, co_await site.get(at(file), asking("bytes=1-99999999999999999999")));
    EXPECT_EQ(rest.status, 206);
    EXPECT_EQ(rest.body, text.substr(1));
    KITH_CO_TRY(Answer beyond, co_await site.get(at(file), asking("bytes=1000-")));
    EXPECT_EQ(beyond.status, 416);
    EXPECT_EQ(beyond.header("Content-Range"), "bytes */1000");
    Headers changed{{"Range", "bytes=0-1"}, {"If-Range", "\"other\""}};
    KITH_CO_TRY(Answer whole, co_await site.get(at(file), std::move(changed)));
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.body, text);
    Headers same{{"Range", "bytes=0-1"}, {"If-Range", etag}};
    KITH_CO_TRY(Answer part, co_await site.get(at(file), std::move(same)));
    EXPECT_EQ(part.status, 206);
    co_return co_await site.end();
  });
}

TEST(Gateway, SendsSeveralRangesAsPartsOfOneBody) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string text = letters(1000);
    Cid file = site.add_file(text);
    Headers ranges{{"Range", "bytes=600-609,0-4"}};
    KITH_CO_TRY(Answer answer, co_await site.get(at(file, "?filename=a.txt"), std::move(ranges)));
    EXPECT_EQ(answer.status, 206);
    std::string type = answer.header("Content-Type");
    std::string_view prefix = "multipart/byteranges; boundary=";
    KITH_CO_REQUIRE(type.starts_with(prefix));
    std::string line = "\r\n--" + type.substr(prefix.size());
    std::string head = "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ";
    EXPECT_EQ(answer.body, line + head + "600-609/1000\r\n\r\n" + text.substr(600, 10) + line +
                               head + "0-4/1000\r\n\r\n" + text.substr(0, 5) + line + "--\r\n");
    EXPECT_EQ(answer.header("Content-Length"), std::to_string(answer.body.size()));
    co_return co_await site.end();
  });
}

TEST(Gateway, ReadsOnlyTheBlocksOfARange) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string text = letters(1024);
    Cid file = site.add_file(text);
    std::vector<Cid> leaves;
    for (std::size_t place : {0, 256, 512, 768})
      leaves.push_back(site.add_file(std::string_view(text).substr(place, 256)));
    for (std::size_t gone : {0u, 1u, 3u})
      site.blocks.here.remove(leaves[gone]);
    Headers range{{"Range", "bytes=520-529"}};
    KITH_CO_TRY(Answer answer, co_await site.get(at(file), std::move(range)));
    EXPECT_EQ(answer.status, 206);
    EXPECT_EQ(answer.body, text.substr(520, 10));
    co_return co_await site.end();
  });
}

TEST(Gateway, SaysWhenAClientHasItAlready) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("hello");
    Cid folder = site.add_directory({{"a", file}});
    Cid website = site.add_directory({{"index.html", file}});
    std::vector<std::string> targets{at(file), at(folder, "/"), at(website, "/"),
                                     at(file, "?format=raw"), at(folder, "?format=car")};
    for (const std::string& target : targets) {
      KITH_CO_TRY(Answer first, co_await site.get(target));
      EXPECT_EQ(first.status, 200) << target;
      std::string etag = first.header("Etag");
      for (const std::string& said : {etag, "\"x\", " + etag, std::string("*")}) {
        Headers known{{"If-None-Match", said}};
        KITH_CO_TRY(Answer again, co_await site.get(target, std::move(known)));
        EXPECT_EQ(again.status, 304) << target << ' ' << said;
        EXPECT_EQ(again.body, "");
        EXPECT_TRUE(again.headers.has("Cache-Control"));
      }
      Headers other{{"If-None-Match", "\"other\""}};
      KITH_CO_TRY(Answer whole, co_await site.get(target, std::move(other)));
      EXPECT_EQ(whole.status, 200);
    }
    co_return co_await site.end();
  });
}

TEST(Gateway, AsksWhetherContentIsHereBeforeItSaysThatAnyTagIsKnown) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.no_fetch = true;
    Site site(world, options);
    Cid file = site.add_file("hello");
    Cid json = site.add_block(Codec::dag_json, as_bytes("{}"));
    std::vector<std::string> targets{at(file), at(file, "?format=raw"), at(file, "?format=car"),
                                     at(json)};
    for (const Cid& gone : {file, json})
      site.blocks.here.remove(gone);
    for (const std::string& target : targets) {
      Headers any{{"If-None-Match", "*"}};
      KITH_CO_TRY(Answer answer, co_await site.get(target, std::move(any)));
      EXPECT_EQ(answer.status, 404) << target;
      EXPECT_FALSE(answer.headers.has("Etag"));
      EXPECT_EQ(answer.header("Cache-Control"), "no-store");
    }
    co_return co_await site.end();
  });
}

TEST(Gateway, SendsOnlyWhatIfMatchNames) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("hello");
    Cid folder = site.add_directory({{"a", file}});
    Cid website = site.add_directory({{"index.html", file}});
    Cid json = site.add_block(Codec::dag_json, as_bytes("{}"));
    for (const std::string& target :
         {at(file), at(folder, "/"), at(website, "/"), at(json), at(file, "?format=raw")}) {
      KITH_CO_TRY(Answer first, co_await site.get(target));
      std::string etag = first.header("Etag");
      for (const std::string& said : {etag, "\"x\", " + etag, std::string("*")}) {
        Headers same{{"If-Match", said}};
        KITH_CO_TRY(Answer whole, co_await site.get(target, std::move(same)));
        EXPECT_EQ(whole.status, 200) << target << ' ' << said;
      }
      Headers other{{"If-Match", "\"x\""}, {"If-None-Match", etag}};
      KITH_CO_TRY(Answer refused, co_await site.get(target, std::move(other)));
      EXPECT_EQ(refused.status, 412) << target;
      EXPECT_FALSE(refused.headers.has("Etag"));
      EXPECT_EQ(refused.header("Cache-Control"), "no-store");
    }
    // An archive's tag is weak: two with it may differ.
    KITH_CO_TRY(Answer archive, co_await site.get(at(file, "?format=car")));
    Headers weak{{"If-Match", archive.header("Etag")}};
    KITH_CO_TRY(Answer refused, co_await site.get(at(file, "?format=car"), std::move(weak)));
    EXPECT_EQ(refused.status, 412);
    co_return co_await site.end();
  });
}

TEST(Gateway, LeadsADirectoryToItsSlash) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid inner = site.add_directory({{"x", site.add_file("x")}});
    Cid root = site.add_directory({{"ą b", inner}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/%c4%85%20b?a=1%202")));
    EXPECT_EQ(answer.status, 301);
    EXPECT_EQ(answer.header("Location"), at(root, "/%C4%85%20b/?a=1%202"));
    KITH_CO_TRY(Answer twice, co_await site.get("/ipfs/ipfs/" + root.to_string() + "/x"));
    EXPECT_EQ(twice.header("Location"), at(root, "/x"));
    KITH_CO_TRY(Answer handed,
                co_await site.get("/ipfs/?uri=ipfs%3A%2F%2F" + root.to_string() + "%2Fx%3Fa%3D1"));
    EXPECT_EQ(handed.status, 301);
    EXPECT_EQ(handed.header("Location"), at(root, "/x?a=1"));
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesTheIndexOfADirectory) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid index = site.add_file("<h1>hello</h1>");
    Cid root = site.add_directory({{"index.html", index}, {"other", site.add_file("x")}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "<h1>hello</h1>");
    EXPECT_EQ(answer.header("Content-Type"), "text/html");
    EXPECT_EQ(answer.header("Etag"), "\"" + root.to_string() + "\"");
    EXPECT_EQ(answer.header("X-Ipfs-Roots"), root.to_string());
    // A folder of that name is no page.
    Cid odd = site.add_directory({{"index.html", root}});
    KITH_CO_TRY(Answer listed, co_await site.get(at(odd, "/")));
    EXPECT_NE(listed.body.find("Index of"), std::string::npos);
    co_return co_await site.end();
  });
}

TEST(Gateway, ListsADirectoryWithoutTrustingItsNames) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file(letters(2000));
    Cid evil =
        site.add_directory({{"\"><script>alert('1')<br>&amp;", file}, {"50% of ą?.txt", file}});
    Cid root = site.add_directory({{"<b>", evil}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/%3Cb%3E/")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(answer.header("Etag"), "\"DirIndex-1_CID-" + evil.to_string() + "\"");
    EXPECT_EQ(answer.header("Content-Security-Policy"), gateway::page_policy);
    EXPECT_EQ(answer.body.find("<script"), std::string::npos);
    EXPECT_EQ(answer.body.find("<b>"), std::string::npos);
    for (std::string_view part : {"&#34;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;br&gt;&amp;amp;",
                                  "/%3Cb%3E/50%25%20of%20%C4%85%3F.txt\">50% of ą?.txt</a>",
                                  "/%3Cb%3E/..\">..</a>", "?filename=50%25%20of", "2 entries"}) {
      EXPECT_NE(answer.body.find(part), std::string::npos) << part << "\n" << answer.body;
    }
    KITH_CO_TRY(Answer top, co_await site.get(at(root, "/")));
    EXPECT_EQ(top.body.find(">..</a>"), std::string::npos);
    KITH_CO_TRY(Answer head, co_await site.get(at(root, "/"), {}, "HEAD"));
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    co_return co_await site.end();
  });
}

TEST(Gateway, ListsALargeShardedDirectoryInOrder) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("x");
    constexpr std::size_t count = 10'000;
    std::vector<std::pair<std::string, Cid>> entries;
    for (std::size_t i = 0; i < count; ++i)
      entries.emplace_back("file " + std::to_string(count + i), file);
    Cid root = site.add_directory(entries, true);
    std::size_t blocks = site.blocks.here.size();
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/")));
    EXPECT_FALSE(answer.broken);
    EXPECT_NE(answer.body.find("10000 entries</footer>"), std::string::npos);
    std::size_t place = 0;
    for (const auto& [name, cid] : entries) {
      place = answer.body.find(">" + name + "</a>", place);
      KITH_CO_REQUIRE(place != std::string::npos);
    }
    // The shards, and index.html looked for; no entry was read.
    EXPECT_LE(site.blocks.got.size(), blocks + 10);
    co_return co_await site.end();
  });
}

TEST(Gateway, ListsADirectoryTooLargeToSortAsItComes) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("x");
    constexpr std::size_t count = gateway_sorted_entries_max + 3000;
    std::vector<std::pair<std::string, Cid>> entries;
    for (std::size_t i = 0; i < count; ++i)
      entries.emplace_back(std::to_string(count + i), file);
    Cid root = site.add_directory(entries, true);
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/")));
    EXPECT_FALSE(answer.broken);
    EXPECT_NE(answer.body.find(std::to_string(count) + " entries, in the order"),
              std::string::npos);
    std::size_t rows = 0;
    for (std::size_t place = 0; (place = answer.body.find("<tr>", place)) != std::string::npos;
         ++place) {
      ++rows;
    }
    EXPECT_EQ(rows, count);
    co_return co_await site.end();
  });
}

TEST(Gateway, ShowsWhereASymlinkPoints) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid root = site.add_directory({{"link", site.add_symlink("../../etc/passwd")}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/link")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "../../etc/passwd");
    EXPECT_EQ(answer.header("Content-Type"), "inode/symlink");
    co_return co_await site.end();
  });
}

struct Refused {
  std::string target;
  int status;
  std::string_view says;
};

TEST(Gateway, SaysWhatIsWrongAndWhatToTry) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("x");
    Cid root = site.add_directory({{"file", file}});
    std::string key = "bafzaajaiaejcbzdibmxyzdjbbehgvizh6g5tikvy47mshdy6gwbruvgwvd24seje";
    std::string git = site.add_block(Codec::git_raw, as_bytes("blob 1")).to_string();
    Bytes torn{0x0a, 0xff};
    std::string broken = site.add_block(Codec::dag_pb, torn).to_string();
    Bytes strange{0x0a, 0x01, 0x78};
    std::string no_unixfs = site.add_block(Codec::dag_pb, strange).to_string();
    std::vector<Refused> cases{
        {"/nothing", 404, "/ipfs/CID"},
        {"/ipfs", 404, "/ipfs/CID"},
        {"/ipfs/", 400, "An address is"},
        {"/ipfs/bafynonsense", 400, "An address is"},
        {"/ipns/example.org", 501, "IPNS"},
        {at(root, "/nothing"), 404, "nothing: no such entry"},
        {at(root, "/file/x"), 404, "x: not a directory"},
        {at(root, "/../x"), 400, "not a valid path"},
        {at(root, "?format=nonsense"), 400, "format"},
        {at(root, "?format=tar"), 406, "TAR"},
        {at(root, "?format=ipns-record"), 400, "name"},
        {at(root, "/file?format=dag-json"), 406, "dag-json"},
        {at(root, "/file?format=json"), 406, "json"},
        {at(root, "/?format=json"), 406, "json"},
        {at(root, "?format=car&entity-bytes=x"), 400, "entity-bytes"},
        {at(file, "?format=car&entity-bytes=1:*"), 400, "only 1 bytes"},
        {"/ipfs/" + key, 400, "format=raw"},
        {"/ipfs/" + git, 400, "format=raw"},
        {"/ipfs/" + broken, 406, "format=raw"},
        {"/ipfs/" + no_unixfs, 406, "format=raw"},
        {at(root, "/" + std::string(20'000, 'x')), 414, "long"},
    };
    for (const Refused& it : cases) {
      KITH_CO_TRY(Answer answer, co_await site.get(it.target));
      EXPECT_EQ(answer.status, it.status) << it.target << "\n" << answer.body;
      EXPECT_NE(answer.body.find(it.says), std::string::npos) << it.target << "\n" << answer.body;
      EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
      EXPECT_EQ(answer.header("Cache-Control"), "no-store");
      EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
    }
    KITH_CO_TRY(Answer about, co_await site.get("/"));
    EXPECT_EQ(about.status, 200);
    EXPECT_NE(about.body.find("gateway"), std::string::npos);
    co_return co_await site.end();
  });
}

/// A dag-pb block around what says that it is UnixFS, and links.
Cid add_node(Site& site, Bytes unixfs, const std::vector<Cid>& children = {}) {
  ipld::DagPbNode node;
  node.data = unixfs;
  for (const Cid& child : children)
    node.links.push_back({child, {}, {}});
  return site.add_block(Codec::dag_pb, ipld::encode_dag_pb(node));
}

TEST(Gateway, TellsContentThatIsDamagedFromContentThatIsNotThere) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    // A UnixFS message: 08 the type (2: file, 4: symlink), 12 data, 18 the file's size, 20 a
    // part's.
    const Cid leaf = site.add_file("x");
    const Cid longer = add_node(site, {0x08, 2, 0x12, 1, 'x', 0x18, 5});
    const Cid parts = add_node(site, {0x08, 2, 0x18, 1, 0x20, 1}, {leaf, leaf});
    const Cid leaf_of_another_size = add_node(site, {0x08, 2, 0x18, 5, 0x20, 5}, {leaf});
    const Cid symlink = add_node(site, {0x08, 4, 0x12, 1, 'x'}, {leaf});
    const Cid torn = site.add_block(Codec::dag_cbor, Bytes{0xff});
    for (const std::string& target :
         {at(longer), at(parts), at(leaf_of_another_size), at(symlink), at(torn, "/a")}) {
      KITH_CO_TRY(Answer answer, co_await site.get(target));
      EXPECT_EQ(answer.status, 500) << target << "\n" << answer.body;
      EXPECT_NE(answer.body.find("can't be read"), std::string::npos) << answer.body;
      EXPECT_EQ(answer.body.find("spelling"), std::string::npos) << answer.body;
      EXPECT_EQ(answer.header("Cache-Control"), "no-store");
    }
    co_return co_await site.end();
  });
}

TEST(Gateway, IsForReading) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("x");
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
      KITH_CO_TRY(Answer answer, co_await site.get(at(file), {}, method));
      EXPECT_EQ(answer.status, 405);
      EXPECT_EQ(answer.header("Allow"), "GET, HEAD, OPTIONS");
    }
    KITH_CO_TRY(Answer options, co_await site.get(at(file), {}, "OPTIONS"));
    EXPECT_EQ(options.status, 200);
    EXPECT_EQ(options.header("Access-Control-Allow-Methods"), "GET, HEAD, OPTIONS");
    Headers worker{{"Service-Worker", "script"}};
    KITH_CO_TRY(Answer refused, co_await site.get(at(file), worker));
    EXPECT_EQ(refused.status, 400);
    KITH_CO_TRY(Answer below, co_await site.get(at(file, "/"), worker));
    EXPECT_EQ(below.status, 200);
    co_return co_await site.end();
  });
}

TEST(Gateway, WaitsForABlockUntilItsTimeIsOver) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("late");
    ipld::Block late{file, *site.blocks.here.find(file)};
    site.blocks.here.remove(file);
    Instant before = world.now();
    KITH_CO_TRY(Answer none, co_await site.get(at(file)));
    EXPECT_EQ(none.status, 504);
    EXPECT_TRUE(none.headers.has("Retry-After"));
    EXPECT_NE(none.body.find(file.to_string()), std::string::npos);
    EXPECT_GE(world.now() - before, gateway_fetch_timeout);
    EXPECT_LT(world.now() - before, gateway_fetch_timeout + 1s);

    http::ClientRequest request = site.request(at(file));
    port::TaskGroup group(site.near.env().executor, site.near.env().clock);
    static constexpr auto bring = [](Site& to, ipld::Block block) -> Task<void> {
      KITH_CO_CHECK(co_await port::sleep_for(to.world.clock(), 30s));
      to.blocks.arrive(std::move(block));
      co_return Result<void>{};
    };
    group.spawn(bring(site, late));
    KITH_CO_TRY(Answer answer, co_await site.get(at(file)));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "late");
    co_await group.join_shielded();
    co_return co_await site.end();
  });
}

TEST(Gateway, GivesEachBlockItsTimeOnceTheAnswerHasBegun) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    std::string text = letters(1024);
    Cid file = site.add_file(text);
    std::vector<ipld::Block> late;
    for (std::size_t place : {256, 512, 768}) {
      Cid leaf = site.add_file(std::string_view(text).substr(place, 256));
      late.push_back({leaf, *site.blocks.here.find(leaf)});
      site.blocks.here.remove(leaf);
    }
    port::TaskGroup group(site.near.env().executor, site.near.env().clock);
    static constexpr auto bring = [](Site& to, std::vector<ipld::Block> blocks) -> Task<void> {
      for (ipld::Block& block : blocks) {
        KITH_CO_CHECK(co_await port::sleep_for(to.world.clock(), 50s));
        to.blocks.arrive(std::move(block));
      }
      co_return Result<void>{};
    };
    group.spawn(bring(site, late));
    KITH_CO_TRY(Answer answer, co_await site.get(at(file, "?filename=a.txt")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, text);
    co_await group.join_shielded();
    // And without the last one the client learns that it hasn't the whole.
    site.blocks.here.remove(late.back().cid);
    KITH_CO_TRY(Answer cut, co_await site.get(at(file, "?filename=a.txt")));
    EXPECT_EQ(cut.status, 200);
    EXPECT_TRUE(cut.broken);
    co_return co_await site.end();
  });
}

TEST(Gateway, GivesUpWhenTheClientHasGone) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("late");
    site.blocks.here.remove(file);
    http::ClientRequest request = site.request(at(file));
    Instant soon = world.now() + 5s;
    auto response = co_await site.client.send(std::move(request), soon);
    EXPECT_FALSE(response.has_value());
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 2s));
    EXPECT_EQ(site.blocks.waiting, 0u);
    EXPECT_EQ(site.gateway.requests_in_flight(), 0u);
    co_return co_await site.end();
  });
}

TEST(Gateway, HoldsLittleForAClientThatDoesNotReadAndThenDropsIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file(letters(5'000'000));
    http::ClientRequest request = site.request(at(file));
    KITH_CO_TRY(http::ResponsePtr response, co_await site.client.send(std::move(request)));
    EXPECT_EQ(response->status, 200);
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 10s));
    EXPECT_EQ(site.gateway.requests_in_flight(), 1u);
    EXPECT_LT(site.blocks.got.size(), 10'000u);  // of 19,532
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), gateway_write_timeout));
    EXPECT_EQ(site.gateway.requests_in_flight(), 0u);
    response.reset();
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesOnlyWhatIsHereIfItsOwnerOrTheClientWantsSo) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.no_fetch = true;
    Site closed(world, options);
    Cid file = closed.add_file("x");
    Cid root = closed.add_directory({{"file", file}});
    closed.blocks.here.remove(file);
    KITH_CO_TRY(Answer absent, co_await closed.get(at(root, "/file")));
    EXPECT_EQ(absent.status, 404);
    KITH_CO_CHECK(co_await closed.end());

    Site site(world);
    site.add_file("x");
    site.add_directory({{"file", file}});
    for (const char* method : {"GET", "HEAD"}) {
      Headers cached{{"Cache-Control", "only-if-cached"}};
      KITH_CO_TRY(Answer here, co_await site.get(at(root, "/file"), cached, method));
      EXPECT_EQ(here.status, 200);
    }
    site.blocks.here.remove(file);
    Instant before = world.now();
    for (const char* query : {"", "?format=raw", "?format=car"}) {
      for (const char* method : {"GET", "HEAD"}) {
        Headers cached{{"Cache-Control", "only-if-cached"}};
        KITH_CO_TRY(Answer gone,
                    co_await site.get(at(root, "/file") + query, std::move(cached), method));
        EXPECT_EQ(gone.status, 412);
      }
    }
    EXPECT_LT(world.now() - before, 5s);
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesBlocksAsTheyAre) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("hello");
    Cid root = site.add_directory({{"hello.txt", file}});
    std::string block(as_text(*site.blocks.here.find(root)));
    for (bool by_header : {false, true}) {
      Headers headers;
      if (by_header) headers.add("Accept", "application/vnd.ipld.raw");
      std::string target = at(root, by_header ? "" : "?format=raw");
      KITH_CO_TRY(Answer answer, co_await site.get(target, std::move(headers)));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.body, block);
      EXPECT_EQ(answer.header("Content-Type"), "application/vnd.ipld.raw");
      EXPECT_EQ(answer.header("Content-Disposition"),
                "attachment; filename=\"" + root.to_string() + ".bin\"");
      EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
      EXPECT_EQ(answer.header("Etag"), "\"" + root.to_string() + ".raw\"");
      EXPECT_EQ(answer.header("Content-Location"), by_header ? at(root, "?format=raw") : "(none)");
      EXPECT_EQ(answer.header("Vary"), by_header ? "Accept" : "(none)");
    }
    Headers range{{"Range", "bytes=1-3"}};
    KITH_CO_TRY(Answer part, co_await site.get(at(root, "/hello.txt?format=raw"), range));
    EXPECT_EQ(part.status, 206);
    EXPECT_EQ(part.body, "ell");
    // The specification's probe: the empty identity CID is everywhere.
    KITH_CO_TRY(Answer probe, co_await site.get("/ipfs/bafkqaaa?format=raw"));
    EXPECT_EQ(probe.status, 200);
    EXPECT_EQ(probe.body, "");
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesDataOfOtherCodecsWithoutConvertingIt) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("at the end");
    std::string text = "{\"a\":{\"b\":1},\"file\":{\"/\":\"" + file.to_string() + "\"}}";
    Cid json = site.add_block(Codec::dag_json, as_bytes(text));
    Bytes cbor_bytes{0xa1, 0x61, 0x61, 0x01};
    Cid cbor = site.add_block(Codec::dag_cbor, cbor_bytes);
    KITH_CO_TRY(Answer answer, co_await site.get(at(json)));
    EXPECT_EQ(answer.body, text);
    EXPECT_EQ(answer.header("Content-Type"), "application/vnd.ipld.dag-json");
    EXPECT_EQ(answer.header("Etag"), "\"" + json.to_string() + ".dag-json\"");
    EXPECT_EQ(answer.header("Content-Disposition"),
              "inline; filename=\"" + json.to_string() + ".json\"");
    KITH_CO_TRY(answer, co_await site.get(at(cbor)));
    EXPECT_EQ(answer.header("Content-Type"), "application/vnd.ipld.dag-cbor");
    EXPECT_TRUE(answer.header("Content-Disposition").starts_with("attachment;"));
    KITH_CO_TRY(answer, co_await site.get(at(json, "?format=json")));
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    KITH_CO_TRY(answer, co_await site.get(at(json, "?format=dag-cbor")));
    EXPECT_EQ(answer.status, 406);
    KITH_CO_TRY(answer, co_await site.get(at(json, "/file")));
    EXPECT_EQ(answer.body, "at the end");
    KITH_CO_TRY(answer, co_await site.get(at(json, "/a/b")));
    EXPECT_EQ(answer.status, 501);
    KITH_CO_TRY(answer, co_await site.get(at(json, "/c")));
    EXPECT_EQ(answer.status, 404);
    Headers browser{{"Accept", "text/html,*/*;q=0.8"}};
    KITH_CO_TRY(answer, co_await site.get(at(json), std::move(browser)));
    EXPECT_EQ(answer.header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_NE(answer.body.find("{&#34;a&#34;:{&#34;b&#34;:1}"), std::string::npos);
    co_return co_await site.end();
  });
}

TEST(Gateway, ServesJsonFilesAsJson) {
  sim::run_test(1, [](World& world) -> Task<void> {
    Site site(world);
    Cid file = site.add_file("{\"a\": 1}");
    Cid root = site.add_directory({{"data.txt", file}, {"text.txt", site.add_file("text")}});
    KITH_CO_TRY(Answer answer, co_await site.get(at(root, "/data.txt")));
    EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8");
    KITH_CO_TRY(answer, co_await site.get(at(root, "/data.txt?format=json")));
    EXPECT_EQ(answer.header("Content-Type"), "application/json");
    Headers any{{"Accept", "application/json, */*"}};
    KITH_CO_TRY(answer, co_await site.get(at(root, "/text.txt"), std::move(any)));
    EXPECT_EQ(answer.status, 200);
    co_return co_await site.end();
  });
}

TEST(Gateway, TakesScriptsAndOriginFromWhatItServesIfToldTo) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.sandboxed = true;
    Site site(world, options);
    Cid page = site.add_file("<script>fetch('/api/v0/shutdown', {method: 'POST'})</script>");
    Cid website = site.add_directory({{"index.html", page}});
    Cid folder = site.add_directory({{"a", page}});
    for (const std::string& target :
         {at(page), at(website, "/"), at(folder, "/"), at(folder, "/nothing"), at(folder)}) {
      KITH_CO_TRY(Answer answer, co_await site.get(target));
      std::string policy = answer.header("Content-Security-Policy");
      EXPECT_NE(policy.find("sandbox allow-downloads"), std::string::npos) << target;
      EXPECT_EQ(policy.find("allow-scripts"), std::string::npos);
      EXPECT_EQ(policy.find("allow-same-origin"), std::string::npos);
      EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
    }
    // Nor may the page that is take them in: scripts aren't bound by a policy of their own.
    Cid code = site.add_file("steal()");
    Cid library = site.add_directory({{"a.js", code}, {"a.mjs", code}, {"a.css", code}});
    for (const std::string& target :
         {at(library, "/a.js"), at(library, "/a.mjs"), at(library, "/a.css"),
          at(code, "?filename=a.js"), at(library, "/a.js?download=true")}) {
      KITH_CO_TRY(Answer answer, co_await site.get(target));
      EXPECT_EQ(answer.status, 200);
      EXPECT_EQ(answer.header("Content-Type"), "text/plain; charset=utf-8") << target;
    }
    co_return co_await site.end();
  });
}

TEST(Gateway, RefusesMoreRequestsThanItsLimit) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.requests_max = 0;
    Site site(world, options);
    KITH_CO_TRY(Answer answer, co_await site.get("/ipfs/bafkqaaa"));
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.header("Retry-After"), "1");
    co_return co_await site.end();
  });
}

Task<void> ask_in_vain(Site& site, std::size_t& refused) {
  auto missing =
      ipld::make_block({1, Codec::raw, Codec::sha2_256, 32}, Buffer::copy_of(as_bytes("lost")));
  std::string target = at(missing->cid);
  KITH_CO_TRY(Answer answer, co_await site.get(std::move(target)));
  if (answer.status == 429) ++refused;
  co_return Result<void>{};
}

TEST(Gateway, LeavesHalfOfItsRequestsToOthersThanTheOneWhoTakesAll) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.requests_max = 8;
    Site site(world, options);
    Cid file = site.add_file("here");
    std::size_t refused = 0;
    port::TaskGroup asking(site.near.env().executor, site.near.env().clock);
    for (int i = 0; i < 20; ++i)
      asking.spawn(ask_in_vain(site, refused));
    KITH_CO_CHECK(co_await port::sleep_for(world.clock(), 5s));
    EXPECT_EQ(site.gateway.requests_in_flight(), 4u);
    EXPECT_EQ(refused, 16u);
    http::Client other(world.add_node().env(), {});
    http::ClientRequest asked = site.request(at(file));
    asked.method = "GET";
    KITH_CO_TRY(http::ResponsePtr response, co_await other.send(std::move(asked)));
    EXPECT_EQ(response->status, 200);
    response.reset();
    KITH_CO_CHECK(co_await other.close());
    KITH_CO_CHECK(co_await asking.join_shielded());
    EXPECT_EQ(site.gateway.requests_in_flight(), 0u);
    co_return co_await site.end();
  });
}

TEST(Gateway, RefusesAFileOfWhichItWouldHaveToRememberTooMuch) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.parts_max = 13;  // the root and its leaves
    Site site(world, options);
    Cid small = site.add_file(letters(12 * 256));
    Cid large = site.add_file(letters(13 * 256));
    KITH_CO_TRY(Answer fine, co_await site.get(at(small)));
    EXPECT_EQ(fine.status, 200);
    EXPECT_EQ(fine.body, letters(12 * 256));
    KITH_CO_TRY(Answer refused, co_await site.get(at(large)));
    EXPECT_EQ(refused.status, 500);
    EXPECT_NE(refused.body.find("has more parts than a request to this gateway may hold"),
              std::string::npos)
        << refused.body;
    EXPECT_EQ(refused.header("Cache-Control"), "no-store");
    EXPECT_EQ(site.gateway.requests_in_flight(), 0U);
    // Parts outside of a range aren't remembered.
    Headers range{{"Range", "bytes=256-767"}};
    KITH_CO_TRY(Answer part, co_await site.get(at(large), std::move(range)));
    EXPECT_EQ(part.status, 206);
    co_return co_await site.end();
  });
}

TEST(Gateway, RefusesAListingOfWhichItWouldHaveToRememberTooMuch) {
  sim::run_test(1, [](World& world) -> Task<void> {
    GatewayOptions options;
    options.parts_max = 20;
    Site site(world, options);
    const Cid file = site.add_file("x");
    std::vector<std::pair<std::string, Cid>> entries;
    for (int i = 0; i < 500; ++i)
      entries.emplace_back("entry " + std::to_string(i), file);
    KITH_CO_TRY(Answer refused, co_await site.get(at(site.add_directory(entries, true), "/")));
    EXPECT_EQ(refused.status, 500);
    EXPECT_NE(refused.body.find("has more parts"), std::string::npos) << refused.body;
    entries.resize(10);
    KITH_CO_TRY(Answer fine, co_await site.get(at(site.add_directory(entries, true), "/")));
    EXPECT_EQ(fine.status, 200);
    co_return co_await site.end();
  });
}

}  // namespace
}  // namespace kith::api::testing
