// Command structof does with the schemas of a plugin's models what DevLake's server does with them:
// it makes a struct of each. It reads one schema a line and answers "ok", or why there is none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

type schema struct {
	Type       string                    `json:"type"`
	Properties map[string]map[string]any `json:"properties"`
	Required   []string                  `json:"required"`
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		fmt.Println(strings.ReplaceAll(check(line), "\n", " "))
	}
}

func check(line []byte) (answer string) {
	defer func() {
		if panicked := recover(); panicked != nil {
			answer = fmt.Sprint("panic: ", panicked)
		}
	}()
	var model schema
	if err := json.Unmarshal(line, &model); err != nil {
		return err.Error()
	}
	var fields []reflect.StructField
	for name, property := range model.Properties {
		if strings.HasPrefix(name, "_raw_data_") {
			continue // a part of the server's own
		}
		kind, err := kindOf(property)
		if err != nil {
			return name + ": " + err.Error()
		}
		first, size := utf8.DecodeRuneInString(name)
		fields = append(fields, reflect.StructField{
			Name: string(unicode.ToUpper(first)) + name[size:],
			Type: kind,
			Tag:  reflect.StructTag(fmt.Sprintf("json:%q", name)),
		})
	}
	made := reflect.New(reflect.StructOf(fields))
	if err := json.Unmarshal([]byte("{}"), made.Interface()); err != nil {
		return err.Error()
	}
	return "ok"
}

func kindOf(property map[string]any) (reflect.Type, error) {
	word, ok := property["type"].(string)
	if !ok {
		return nil, fmt.Errorf("type must be a string")
	}
	if length, given := property["maxLength"]; given {
		if _, ok := length.(float64); !ok {
			return nil, fmt.Errorf("maxLength must be a number")
		}
	}
	switch word {
	case "string":
		if property["format"] == "date-time" {
			return reflect.TypeFor[*time.Time](), nil
		}
		return reflect.TypeFor[string](), nil
	case "integer":
		return reflect.TypeFor[int64](), nil
	case "number":
		return reflect.TypeFor[float64](), nil
	case "boolean":
		return reflect.TypeFor[bool](), nil
	case "array":
		return reflect.TypeFor[json.RawMessage](), nil
	case "object":
		return reflect.TypeFor[map[string]any](), nil
	}
	return nil, fmt.Errorf("type %s is not known", word)
}
