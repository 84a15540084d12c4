// Looks callers up in a published tier table by the manifest's rules alone (docs/reading.md): Java 17, no library.
//
//     java TierLookup.java FOLDER KEY FIELD...      one caller; without fields all columns
//     java TierLookup.java FOLDER -   FIELD...      callers from standard input, one a line
//
// Prints one JSON object a caller, decimals and dates as text. Exit code 1: the table was refused; 2: wrong arguments.
// A service would keep a Version open, look at CURRENT.json again now and then, and never go to a lower version.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardOpenOption.READ;

public final class TierLookup {
    static final int MAX_JSON_BYTES = 1 << 20;
    static final int ATTEMPTS = 5;

    public static void main(String[] arguments) throws Exception {
        if (arguments.length < 2) {
            System.err.println("java TierLookup.java FOLDER KEY|- FIELD...");
            System.exit(2);
        }
        PrintStream out = new PrintStream(System.out, true, UTF_8);
        try {
            Version version = open(Path.of(arguments[0]));
            List<String> fields = Arrays.asList(arguments).subList(2, arguments.length);
            for (String field : fields) {
                if (!version.arrow.columns.containsKey(field)) {
                    System.err.println("no field " + field + "; there are " + version.arrow.columns.keySet());
                    System.exit(2);
                }
            }
            if (!arguments[1].equals("-")) {
                out.println(Json.text(version.lookup(arguments[1], fields)));
                return;
            }
            BufferedReader callers = new BufferedReader(new InputStreamReader(System.in, UTF_8));
            for (String key = callers.readLine(); key != null; key = callers.readLine()) {
                out.println(Json.text(version.lookup(key, fields)));
            }
        } catch (Refused | IOException refused) {
            System.err.println("refused: " + refused.getMessage());
            System.exit(1);
        }
    }

    /** The table is not what its manifest says, or not of a form that this program reads. */
    static final class Refused extends RuntimeException {
        Refused(String why) {
            super(why);
        }
    }

    /** Opens the current version; a version collected meanwhile is looked for again (rule 4). */
    static Version open(Path folder) throws Exception {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            byte[] pointer = smallFile(folder.resolve("CURRENT.json"));
            try {
                return new Version(folder, Json.object(pointer, "CURRENT.json"));
            } catch (NoSuchFileException missing) {
                if (Arrays.equals(pointer, smallFile(folder.resolve("CURRENT.json")))) {
                    throw missing;
                }
            }
        }
        throw new Refused("CURRENT.json moved " + ATTEMPTS + " times while one version was opened");
    }

    static byte[] smallFile(Path path) throws IOException {
        if (Files.exists(path) && !Files.isRegularFile(path)) {
            throw new Refused(path.getFileName() + " is not a regular file");
        }
        try (var in = Files.newInputStream(path)) {
            byte[] content = in.readNBytes(MAX_JSON_BYTES + 1);
            if (content.length > MAX_JSON_BYTES) {
                throw new Refused(path.getFileName() + " is too large to be of this format");
            }
            return content;
        }
    }

    static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new Refused(otherwise);
        }
    }

    /** One published version, verified whole before its first row is served. */
    static final class Version {
        final long number;
        final String asOfDate;
        final Instant expires;
        final boolean msisdn;
        final ByteBuffer keys; // one little-endian int64 a row; null when keys are texts
        final Arrow arrow;

        Version(Path folder, Map<String, Object> pointer) throws Exception {
            number = Json.whole(pointer, "version");
            String name = "manifests/" + number + ".json";
            require(name.equals(pointer.get("manifest")), "CURRENT.json: manifest must be " + name);
            byte[] content = smallFile(folder.resolve(name));
            String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
            require(digest.equals(pointer.get("manifest_sha256")), name + " does not have the SHA-256 of CURRENT.json");
            Map<String, Object> manifest = Json.object(content, name);
            require(Json.whole(manifest, "format_version") == 1, name + ": another format_version than 1");
            require(Json.string(manifest, "contract_version").startsWith("1."), name + ": another contract than 1.x.y");
            require(Json.whole(manifest, "version") == number, name + ": another version than in its file name");
            asOfDate = Json.string(manifest, "as_of_date");
            expires = Instant.parse(Json.string(manifest, "expires_at"));
            msisdn = Json.string(manifest, "service_key_type").equals("msisdn");
            long rows = Json.whole(manifest, "rows");
            arrow = new Arrow(verified(folder, manifest, "customer_tiers.arrow"), rows);
            if (msisdn) {
                try (FileChannel file = verified(folder, manifest, "customer_tiers.keys")) {
                    require(file.size() == rows * 8, "customer_tiers.keys must have 8 bytes a row");
                    keys = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()).order(ByteOrder.LITTLE_ENDIAN);
                }
            } else {
                keys = null;
            }
        }

        /** An open file of this version that has the size and SHA-256 of the manifest (rule 3). */
        static FileChannel verified(Path folder, Map<String, Object> manifest, String name) throws Exception {
            for (Object listed : (List<?>) manifest.get("files")) {
                @SuppressWarnings("unchecked")
                Map<String, Object> entry = (Map<String, Object>) listed;
                String path = Json.string(entry, "path");
                if (!path.endsWith("/" + name)) {
                    continue;
                }
                require(path.matches("runs/[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*"), "path " + path);
                if (Files.exists(folder.resolve(path)) && !Files.isRegularFile(folder.resolve(path))) {
                    throw new Refused(path + " is not a regular file");
                }
                FileChannel file = FileChannel.open(folder.resolve(path), READ);
                require(file.size() == Json.whole(entry, "bytes"), path + " does not have the size of its manifest");
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                ByteBuffer part = ByteBuffer.allocateDirect(1 << 20);
                while (file.read(part) >= 0) {
                    digest.update(part.flip());
                    part.clear();
                }
                require(HexFormat.of().formatHex(digest.digest()).equals(Json.string(entry, "sha256")),
                        path + " does not have the SHA-256 of its manifest: it is damaged");
                return file;
            }
            throw new Refused("the manifest lists no " + name);
        }

        Map<String, Object> lookup(String key, List<String> fields) {
            long row = msisdn ? findNumber(key) : findText(key);
            Map<String, Object> cells = new LinkedHashMap<>();
            if (row >= 0) {
                for (String field : fields.isEmpty() ? arrow.columns.keySet() : fields) {
                    if (!fields.isEmpty() || !field.equals("service_key")) {
                        cells.put(field, arrow.cell(arrow.columns.get(field), row));
                    }
                }
            }
            Map<String, Object> answer = new LinkedHashMap<>();
            answer.put("found", row >= 0);
            answer.put("version", number);
            answer.put("as_of_date", asOfDate);
            answer.put("freshness", Instant.now().isAfter(expires) ? "stale" : "fresh");
            answer.put("row", cells);
            return answer;
        }

        long findNumber(String key) {
            if (!key.matches("\\+[1-9][0-9]{1,14}")) {
                return -1;
            }
            String digits = key.substring(1);
            long code = Long.parseLong(digits + "0".repeat(15 - digits.length())) * 16 + digits.length();
            int low = 0, high = keys.capacity() / 8;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (keys.getLong(middle * 8) < code) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low < keys.capacity() / 8 && keys.getLong(low * 8) == code ? low : -1;
        }

        long findText(String key) {
            byte[] wanted = key.getBytes(UTF_8);
            Column column = arrow.columns.get("service_key");
            long low = 0, high = arrow.rows;
            while (low < high) {
                long middle = (low + high) >>> 1;
                if (Arrays.compareUnsigned(arrow.bytes(column, middle), wanted) < 0) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low < arrow.rows && Arrays.equals(arrow.bytes(column, low), wanted) ? low : -1;
        }
    }

    /** A column's Arrow type and the place of its buffers among a record batch's. */
    record Column(int type, int width, int scale, int firstBuffer) { }

    /** One record batch, mapped: its body, and where in it each buffer lies. */
    record Batch(ByteBuffer body, int[] offsets, int[] lengths) { }

    /** An uncompressed Arrow IPC file of strings, int16/32/64, booleans, date32 and decimal128. */
    static final class Arrow {
        static final int INT = 2, UTF8 = 5, BOOL = 6, DECIMAL = 7, DATE = 8; // the union Type of Schema.fbs
        final Map<String, Column> columns = new LinkedHashMap<>();
        final List<Batch> batches = new ArrayList<>();
        final long rows;
        private long fullBatch = 1; // rows of every batch but the last

        Arrow(FileChannel channel, long rows) throws IOException {
            this.rows = rows;
            try (FileChannel file = channel) {
                long size = file.size();
                require(size > 20, "customer_tiers.arrow is no Arrow file");
                ByteBuffer tail = map(file, size - 10, 10);
                int length = tail.getInt(0);
                require(tail.getInt(4) == 0x4f525241 && length > 0 && length < size - 10, "no Arrow file"); // "ARRO"
                Table footer = Table.root(map(file, size - 10 - length, length), 0);
                readSchema(footer.table(1));
                long read = 0;
                for (int block = 0, at = footer.vector(3); block < footer.count(3); block++, at += 24) {
                    read += readBatch(file, footer.data.getLong(at), footer.data.getInt(at + 8), footer.data.getLong(at + 16));
                }
                require(read == rows, "customer_tiers.arrow has " + read + " rows, its manifest says " + rows);
            }
        }

        private static ByteBuffer map(FileChannel file, long at, long length) throws IOException {
            return file.map(FileChannel.MapMode.READ_ONLY, at, length).order(ByteOrder.LITTLE_ENDIAN);
        }

        private void readSchema(Table schema) {
            require(schema.number16(0, 0) == 0, "big-endian Arrow data");
            int buffer = 0;
            for (int field = 0; field < schema.count(1); field++) {
                Table one = schema.tableAt(1, field);
                Table type = one.table(3);
                int kind = one.number8(2), width = 0, scale = 0;
                switch (kind) {
                    case INT -> width = type.number32(0, 0);
                    case DECIMAL -> {
                        scale = type.number32(1, 0);
                        require(type.number32(2, 128) == 128, one.text(0) + ": not decimal128");
                    }
                    case DATE -> require(type.number16(0, 1) == 0, one.text(0) + ": not date32"); // 1 is milliseconds
                    case UTF8, BOOL -> { }
                    default -> throw new Refused(one.text(0) + " has an Arrow type that is not read here: " + kind);
                }
                columns.put(one.text(0), new Column(kind, width, scale, buffer));
                buffer += kind == UTF8 ? 3 : 2; // validity first, offsets before data
            }
        }

        private long readBatch(FileChannel file, long at, int metadata, long body) throws IOException {
            Table message = Table.root(map(file, at, metadata), 8); // after the continuation mark and the length
            require(message.number8(1) == 3, "not a record batch");
            Table batch = message.table(2);
            require(!batch.has(3), "compressed record batches");
            int[] offsets = new int[batch.count(2)], lengths = new int[batch.count(2)];
            for (int buffer = 0, place = batch.vector(2); buffer < offsets.length; buffer++, place += 16) {
                offsets[buffer] = Math.toIntExact(batch.data.getLong(place));
                lengths[buffer] = Math.toIntExact(batch.data.getLong(place + 8));
            }
            long count = batch.number64(0, 0);
            fullBatch = batches.isEmpty() ? Math.max(1, count) : fullBatch;
            batches.add(new Batch(map(file, at + metadata, body), offsets, lengths));
            return count;
        }

        Object cell(Column column, long row) {
            Batch batch = batches.get((int) (row / fullBatch));
            int within = (int) (row % fullBatch), first = column.firstBuffer();
            ByteBuffer body = batch.body();
            // A column without nulls may leave its validity bits out.
            if (batch.lengths()[first] > 0 && !bit(body, batch.offsets()[first], within)) {
                return null;
            }
            int data = batch.offsets()[first + 1];
            return switch (column.type()) {
                case UTF8 -> new String(bytes(column, row), UTF_8);
                case BOOL -> bit(body, data, within);
                case DATE -> LocalDate.ofEpochDay(body.getInt(data + within * 4)).toString();
                case DECIMAL -> decimal(body, data + within * 16, column.scale());
                default -> switch (column.width()) {
                    case 16 -> (long) body.getShort(data + within * 2);
                    case 32 -> (long) body.getInt(data + within * 4);
                    case 64 -> body.getLong(data + within * 8);
                    default -> throw new Refused("an int" + column.width() + " column");
                };
            };
        }

        byte[] bytes(Column column, long row) {
            Batch batch = batches.get((int) (row / fullBatch));
            int offsets = batch.offsets()[column.firstBuffer() + 1] + (int) (row % fullBatch) * 4;
            int start = batch.body().getInt(offsets);
            byte[] text = new byte[batch.body().getInt(offsets + 4) - start];
            batch.body().get(batch.offsets()[column.firstBuffer() + 2] + start, text);
            return text;
        }

        private static boolean bit(ByteBuffer body, int at, int index) {
            return (body.get(at + (index >> 3)) >> (index & 7) & 1) == 1;
        }

        private static String decimal(ByteBuffer body, int at, int scale) {
            byte[] big = new byte[16];
            for (int index = 0; index < 16; index++) {
                big[index] = body.get(at + 15 - index);
            }
            return new BigDecimal(new BigInteger(big), scale).toPlainString();
        }
    }

    /** A flatbuffers table: fields by number, with the default of the schema where one is absent. */
    record Table(ByteBuffer data, int at) {
        static Table root(ByteBuffer data, int start) {
            return new Table(data, start + data.getInt(start));
        }

        private int place(int field) {
            int vtable = at - data.getInt(at), slot = 4 + 2 * field;
            int offset = slot < data.getShort(vtable) ? data.getShort(vtable + slot) : 0;
            return offset == 0 ? 0 : at + offset;
        }

        boolean has(int field) {
            return place(field) != 0;
        }

        int number8(int field) {
            return has(field) ? data.get(place(field)) : 0;
        }

        int number16(int field, int otherwise) {
            return has(field) ? data.getShort(place(field)) : otherwise;
        }

        int number32(int field, int otherwise) {
            return has(field) ? data.getInt(place(field)) : otherwise;
        }

        long number64(int field, long otherwise) {
            return has(field) ? data.getLong(place(field)) : otherwise;
        }

        Table table(int field) {
            require(has(field), "an Arrow table lacks field " + field);
            return new Table(data, place(field) + data.getInt(place(field)));
        }

        int count(int field) {
            return has(field) ? data.getInt(vector(field) - 4) : 0;
        }

        int vector(int field) {
            return has(field) ? place(field) + data.getInt(place(field)) + 4 : 0;
        }

        Table tableAt(int field, int index) {
            int entry = vector(field) + index * 4;
            return new Table(data, entry + data.getInt(entry));
        }

        String text(int field) {
            byte[] text = new byte[count(field)];
            data.get(vector(field), text);
            return new String(text, UTF_8);
        }
    }

    /** As much JSON as a manifest and an answer need. */
    static final class Json {
        private final String text;
        private int at;

        private Json(String text) {
            this.text = text;
        }

        @SuppressWarnings("unchecked")
        static Map<String, Object> object(byte[] content, String name) {
            try {
                Json json = new Json(new String(content, UTF_8));
                Object value = json.value();
                json.space();
                require(json.at == json.text.length(), name + ": more after its end");
                return (Map<String, Object>) value;
            } catch (IndexOutOfBoundsException | ClassCastException | NumberFormatException | StackOverflowError broken) {
                throw new Refused(name + " is not a JSON object: it is damaged, or half copied");
            }
        }

        static long whole(Map<String, Object> object, String field) {
            require(object.get(field) instanceof Long, field + " must be a whole number");
            return (Long) object.get(field);
        }

        static String string(Map<String, Object> object, String field) {
            require(object.get(field) instanceof String, field + " must be a text");
            return (String) object.get(field);
        }

        static String text(Object value) {
            if (value instanceof Map<?, ?> map) {
                List<String> parts = new ArrayList<>();
                map.forEach((name, item) -> parts.add(text(name) + ":" + text(item)));
                return "{" + String.join(",", parts) + "}";
            }
            if (!(value instanceof String text)) {
                return String.valueOf(value);
            }
            StringBuilder out = new StringBuilder("\"");
            for (char letter : text.toCharArray()) {
                boolean plain = letter >= ' ' && letter != '"' && letter != '\\';
                out.append(plain ? String.valueOf(letter) : String.format("\\u%04x", (int) letter));
            }
            return out.append('"').toString();
        }

        private void space() {
            while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
                at++;
            }
        }

        private boolean took(char wanted) {
            space();
            boolean there = text.charAt(at) == wanted;
            at += there ? 1 : 0;
            return there;
        }

        private void take(char wanted) {
            require(took(wanted), "JSON: " + wanted + " is missing at character " + at);
        }

        private Object value() {
            if (took('{')) {
                Map<String, Object> object = new LinkedHashMap<>();
                while (!took('}')) {
                    if (!object.isEmpty()) {
                        take(',');
                    }
                    take('"');
                    String name = string();
                    take(':');
                    object.put(name, value());
                }
                return object;
            }
            if (took('[')) {
                List<Object> list = new ArrayList<>();
                while (!took(']')) {
                    if (!list.isEmpty()) {
                        take(',');
                    }
                    list.add(value());
                }
                return list;
            }
            if (took('"')) {
                return string();
            }
            int start = at;
            while (at < text.length() && ",]} \t\r\n".indexOf(text.charAt(at)) < 0) {
                at++;
            }
            String word = text.substring(start, at);
            return switch (word) {
                case "true" -> true;
                case "false" -> false;
                case "null" -> null;
                default -> word.matches("-?[0-9]+") ? (Object) Long.valueOf(word) : (Object) Double.valueOf(word);
            };
        }

        private String string() {
            StringBuilder out = new StringBuilder();
            for (char letter = text.charAt(at++); letter != '"'; letter = text.charAt(at++)) {
                if (letter != '\\') {
                    out.append(letter);
                    continue;
                }
                char escaped = text.charAt(at++);
                switch (escaped) {
                    case 'u' -> {
                        out.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                        at += 4;
                    }
                    case 'b' -> out.append('\b');
                    case 'f' -> out.append('\f');
                    case 'n' -> out.append('\n');
                    case 'r' -> out.append('\r');
                    case 't' -> out.append('\t');
                    default -> out.append(escaped);
                }
            }
            return out.toString();
        }
    }
}
