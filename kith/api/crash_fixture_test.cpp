#include <boost/json.hpp>

#include <kith/api/command_fixture.hpp>
#include <kith/api/crash_fixture.hpp>
#include <kith/api/detail/disk_input.hpp>
#include <kith/api/detail/values.hpp>
#include <kith/node/node.hpp>

namespace kith::api::testing {
namespace {

const std::string home_path = "/data/home";
constexpr Duration patience = 10min;
/// As little as may be set, so that the store syncs often.
constexpr std::uint64_t unsynced_bytes_max = std::uint64_t{1} << 20;
constexpr std::size_t file_bytes_max = std::size_t{64} << 20;

/// Reachable by other machines, and nothing else of the outside; files may stay where they are.
Result<void> make_home(port::Env& env) {
  node::InitOptions options;
  options.profiles = {"test"};
  auto made = node::init_home(env, home_path, options);
  if (!made) return std::unexpected(made.error());
  KITH_TRY(json::value config, node::read_config(env.files, home_path));
  KITH_CHECK(node::config_set(config, "Addresses.Swarm", json::array({"/ip4/0.0.0.0/tcp/4001"})));
  KITH_CHECK(node::config_set(config, "Experimental.FilestoreEnabled", true));
  KITH_CHECK(node::config_set(config, "Datastore.MaxUnsyncedBytes", unsynced_bytes_max));
  // A block that answers whether it is there may cross the want that follows, and comes twice.
  KITH_CHECK(node::config_set(config, "Internal.Bitswap.WantHaveReplaceSize", 0));
  return node::write_config(env.files, home_path, config);
}

/// So slow that the store syncs by itself, and that some of what is added has been told, while the
/// rest is still being read.
sim::NodeOptions slow_machine() {
  sim::NodeOptions options;
  options.work_pool.job_time_max = 40ms;
  return options;
}

}  // namespace

std::vector<std::string> Seen::texts(std::string_view key) const {
  std::vector<std::string> found;
  for (const json::value& value : values) {
    if (std::string text = text_of(value, key); !text.empty()) found.push_back(std::move(text));
  }
  return found;
}

/// The program while it runs; in the frame of its own task, so that a crash takes it.
struct Machine::Life {
  Life(port::Env& of, node::Node& with)
      : env(of), node(with), commands(of.executor, of.clock), end(of.clock) {}
  port::Env& env;
  node::Node& node;
  port::TaskGroup commands;
  port::Event end;
  bool ending = false;
};

/// Tells the user, as long as there is a machine to tell it.
class Machine::Recorder final : public Output {
 public:
  Recorder(const Machine& machine, Seen& seen)
      : machine_(machine), number_(machine.starts_), seen_(seen) {}

  Task<void> value(json::value value) override {
    KITH_CO_CHECK(check());
    seen_.values.push_back(std::move(value));
    co_return Result<void>{};
  }
  Task<void> bytes(ByteView bytes) override {
    KITH_CO_CHECK(check());
    append(seen_.bytes, bytes);
    co_return Result<void>{};
  }
  void announce_length(std::uint64_t) override {}
  Task<void> flush() override { co_return check(); }
  void end(Result<void> outcome) {
    if (!check()) return;
    seen_.outcome = std::move(outcome);
    seen_.ended = true;
  }

 private:
  Result<void> check() const {
    bool there = machine_.node_.up() && machine_.starts_ == number_;
    return there ? Result<void>() : std::unexpected(Errc::closed);
  }

  const Machine& machine_;
  std::uint64_t number_;
  Seen& seen_;
};

/// Tells the user, and saves what comes on the machine's disk, as the program does that the user
/// started.
class Machine::Saver final : public Output {
 public:
  Saver(Output& told, Renderer& renderer) : told_(told), renderer_(renderer) {}

  Task<void> value(json::value value) override {
    KITH_CO_CHECK(renderer_.value(value));
    co_return co_await told_.value(std::move(value));
  }
  Task<void> bytes(ByteView bytes) override {
    KITH_CO_CHECK(renderer_.bytes(bytes));
    co_return co_await told_.bytes(bytes);
  }
  void announce_length(std::uint64_t length) override { renderer_.announce_length(length); }
  Task<void> flush() override { return told_.flush(); }

 private:
  Output& told_;
  Renderer& renderer_;
};

Machine::Machine(sim::World& world)
    : world_(world), node_(world.add_node(slow_machine())), table_(make_command_table()) {
  auto made = make_home(node_.env());
  EXPECT_TRUE(made.has_value()) << made.error().message();
}

Machine::~Machine() {
  if (node_.up()) node_.kill(sim::Crash::process);
  bool ended = world_.run_until([this] { return unwinding_ == 0; }, world_.now() + patience);
  EXPECT_TRUE(ended) << "a program that was killed does not unwind\n" << world_.logs();
}

void Machine::write(const std::string& path, ByteView content) {
  port::FileSystem& files = node_.env().files;
  EXPECT_TRUE(files.make_directories(port::parent_path(path)).has_value());
  auto file = files.open(path, port::OpenMode::create);
  ASSERT_TRUE(file.has_value()) << path;
  EXPECT_TRUE((*file)->truncate(0).has_value());
  EXPECT_TRUE((*file)->write_at(0, content).has_value());
}

void Machine::write_durably(const std::string& path, ByteView content) {
  port::FileSystem& files = node_.env().files;
  EXPECT_TRUE(files.make_directories(port::parent_path(path)).has_value());
  EXPECT_TRUE(port::replace_file(files, path, content).has_value());
  EXPECT_TRUE(port::sync_way(files, port::parent_path(path)).has_value());
}

std::optional<Bytes> Machine::read(const std::string& path) {
  auto content = port::read_file(node_.env().files, path, file_bytes_max);
  if (!content) return std::nullopt;
  return *std::move(content);
}

Task<void> Machine::live(port::Env& env, std::shared_ptr<Start> start) {
  ++unwinding_;
  auto outcome = co_await live_on(env, *start);
  --unwinding_;
  if (!start->ended) start->outcome = outcome;
  start->ended = true;
  co_return outcome;
}

Task<void> Machine::live_on(port::Env& env, Start& start) {
  KITH_CO_TRY(node::Home home, node::Home::open(env, home_path, {}));
  KITH_CO_TRY(std::unique_ptr<node::Node> node,
              co_await node::Node::start(env, std::move(home), node::NodeOptions{}));
  {
    Life life(env, *node);
    life_ = &life;
    start.outcome = {};
    start.ended = true;
    bool cancelled = false;
    while (!life.ending && !cancelled) {
      auto woken = co_await life.end.wait();
      cancelled = !woken;
    }
    if (life_ == &life) life_ = nullptr;
    life.commands.cancel();
    co_await life.commands.join_shielded();
  }
  co_return co_await node->stop_shielded();
}

Result<void> Machine::start() {
  if (!node_.up()) node_.restart();
  ++starts_;
  life_ = nullptr;
  auto start = std::make_shared<Start>();
  node_.spawn(live(node_.env(), start));
  bool over =
      world_.run_until([&] { return start->ended || !node_.up(); }, world_.now() + patience);
  EXPECT_TRUE(over) << "the program doesn't start\n" << world_.logs();
  settle();
  if (!node_.up()) return std::unexpected(Errc::closed);
  return start->outcome;
}

void Machine::stop() {
  if (!running()) return;
  life_->ending = true;
  life_->end.notify_all();
  bool over =
      world_.run_until([this] { return unwinding_ == 0 || !node_.up(); }, world_.now() + patience);
  EXPECT_TRUE(over) << "the program doesn't end\n" << world_.logs();
  settle();
}

/// A machine whose disk has failed goes down at the same instant, but not at once.
void Machine::settle() {
  world_.run_for(Duration(0));
}

void Machine::go_down(sim::Crash how) {
  if (node_.up()) node_.kill(how);
}

Seen Machine::run(Call call) {
  std::string path = call.path;
  std::shared_ptr<const Seen> seen = begin(std::move(call));
  bool over = world_.run_until([&] { return seen->ended || !running(); }, world_.now() + patience);
  EXPECT_TRUE(over) << path << " doesn't end\n" << world_.logs();
  settle();
  return *seen;
}

std::shared_ptr<const Seen> Machine::begin(Call call) {
  auto seen = std::make_shared<Seen>();
  if (running()) life_->commands.spawn(execute(*life_, std::move(call), seen));
  return seen;
}

Task<void> Machine::execute(Life& life, Call call, std::shared_ptr<Seen> seen) {
  Recorder recorder(*this, *seen);
  auto outcome = co_await execute_in(life, call, recorder);
  recorder.end(outcome);
  co_return outcome;
}

Task<void> Machine::execute_in(Life& life, Call& call, Output& output) {
  const Command* command = table_.find(call.path);
  KITH_CO_REQUIRE(command != nullptr);
  KITH_CO_TRY(Request request, Request::make(*command, call.arguments, call.options));
  if (!call.files.empty()) {
    DiskInputOptions options;
    options.recursive = request.flag("recursive");
    KITH_CO_TRY(request.files, co_await disk_input(life.env, call.files, options));
  }
  Context context{life.env, &life.node, home_path, "kith"};
  if (!request.given("output")) co_return co_await command->run(context, request, output);
  TestTerminal terminal;
  RenderContext render{life.env, terminal, request, "kith"};
  std::unique_ptr<Renderer> renderer = command->renderer(render);
  Saver saver(output, *renderer);
  auto outcome = co_await command->run(context, request, saver);
  auto saved = renderer->finish(outcome.has_value());
  co_return outcome ? saved : outcome;
}

std::string Machine::address() {
  auto id = run({.path = "id"});
  const json::array& addresses = id.values.at(0).at("Addresses").as_array();
  return std::string(addresses.at(0).as_string());
}

}  // namespace kith::api::testing
